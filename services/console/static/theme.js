// Runs before the page is drawn, so that it never flashes in the wrong colours: the reader's choice, else the system's.
{
  const chosen = localStorage.getItem("pulse-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}
