// A desk page says how old it is, and reads itself anew; if it cannot, its age says so.
(() => {
  const EVERY = 15, OLD = 60; // seconds
  let readAt = performance.now();

  const tell = () => {
    const age = Math.round((performance.now() - readAt) / 1000);
    document.querySelectorAll("[data-read-age]").forEach((place) => {
      place.textContent = `, ${age} s ago`;
      place.classList.toggle("desk-bad", age > OLD);
    });
  };

  const renew = async () => {
    const live = document.getElementById("desk-live");
    const busy = !live || document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]");
    if (busy || !getSelection().isCollapsed) return;
    try {
      const answer = await fetch(location.href, { redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("desk-live");
      if (!fresh) return;
      live.replaceWith(fresh);
      readAt = performance.now();
      tell();
    } catch { /* the age goes on growing, and turns red */ }
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("desk-live")) return;
    tell();
    setInterval(tell, 1000);
    setInterval(renew, EVERY * 1000);
  });
})();
