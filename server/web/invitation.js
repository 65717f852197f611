// The page behind an invitation link: one password, set once. The token stays behind the #, and is
// taken out of the address, so that neither the history nor a log keeps it.

const german = {
  title: "Willkommen bei Gonio",
  ask: "Wählen Sie ein Passwort mit mindestens 15 Zeichen. Vier Wörter merken sich leicht.",
  password: "Passwort",
  again: "Noch einmal dasselbe",
  save: "Passwort speichern",
  differ: "Die beiden Passwörter unterscheiden sich. Bitte noch einmal eingeben.",
  done: "Gespeichert. Ihr Anmeldename: ",
  used: "Diese Einladung ist verbraucht oder zu alt. Bitten Sie um eine neue.",
  failed: "Das hat nicht geklappt. Bitte versuchen Sie es in einer Minute noch einmal.",
};
const english = {
  differ: "The two passwords differ. Please type them again.",
  done: "Saved. You sign in as: ",
  used: "This invitation is used up or too old. Please ask for a new one.",
  failed: "That did not work. Please try again in a minute.",
};

const speaksGerman = navigator.language.startsWith("de");
const texts = speaksGerman ? german : english;
if (speaksGerman) {
  document.documentElement.lang = "de";
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = german[element.dataset.text];
  }
}

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.querySelector("form");
const answer = document.querySelector("#answer");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const password = form.querySelector("#password").value;
  if (password !== form.querySelector("#again").value) {
    answer.textContent = texts.differ;
    return;
  }
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const response = await fetch("/api/invitations/accept", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, password }),
    });
    if (response.ok) {
      const accepted = await response.json();
      form.hidden = true;
      answer.textContent = texts.done + accepted.login;
    } else {
      answer.textContent = response.status === 410 ? texts.used : texts.failed;
    }
  } catch {
    answer.textContent = texts.failed;
  } finally {
    button.disabled = false;
  }
});
