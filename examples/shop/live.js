// Follows the visitor's session: shows how many things are in the cart, and says when the session is over.

const live = new EventSource("/live");

// Whether the page shows a session that can end. A page of a guest becomes one when its stream follows a session.
let follows = document.currentScript.hasAttribute("data-session");

live.addEventListener("cart", (event) => {
  follows = true;
  document.querySelector("#cart-count").textContent = JSON.parse(event.data).items;
});

live.addEventListener("ended", (event) => {
  live.close();
  if (!follows) return;
  if (event.data === "superseded") {
    // Another tab signed in. The browser gets the new cookie with that tab's response, which may take a moment.
    setTimeout(() => location.reload(), 1000);
    return;
  }
  document.querySelector("nav").remove();
  document.querySelector("main").replaceChildren(document.querySelector("#over").content);
  document.querySelector("#reason").textContent = event.data;
});

// A form of this page may itself end the session, or give it a new id. Its response replaces the page.
document.addEventListener("submit", () => live.close());
