// Follows the visitor's session: shows how many things are in the cart, and says when the session is over.

const live = new EventSource("/live");

// Whether this page shows a session. A guest's page may get one later.
let hasSession = document.currentScript.hasAttribute("data-session");

live.addEventListener("cart", (event) => {
  const { items, session } = JSON.parse(event.data);
  if (hasSession && !session) {
    end("unknown"); // the session ended before this stream began
    return;
  }
  hasSession = session;
  document.querySelector("#cart-count").textContent = items;
});

live.addEventListener("ended", (event) => end(event.data));

function end(reason) {
  live.close();
  if (!hasSession) return;
  if (reason === "superseded") {
    // Another tab signed in. The browser gets the new cookie with that tab's response, which may take a moment.
    setTimeout(() => location.reload(), 1000);
    return;
  }
  document.querySelector("nav").remove();
  document.querySelector("main").replaceChildren(document.querySelector("#over").content);
  document.querySelector("#reason").textContent = reason;
  document.querySelector("#again").search = `?next=${location.pathname}`;
}

// A form of this page may itself end the session, or give it a new id. The form's response then replaces the page.
document.addEventListener("submit", () => live.close());
