// Shows what is said in the room, and why the socket closed.

const socket = new WebSocket(`${location.origin.replace("http", "ws")}/socket`);
const [state, room, say, text] = ["status", "room", "say", "text"].map((id) => document.getElementById(id));

socket.addEventListener("open", () => (state.textContent = "Connected."));

socket.addEventListener("message", (event) => {
  room.append(Object.assign(document.createElement("li"), { textContent: event.data }));
});

socket.addEventListener("close", (event) => {
  say.remove();
  state.textContent = `Disconnected: ${event.reason || "the server is gone"}. Reload the page to go on.`;
});

say.addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(text.value);
  text.value = "";
});
