/* The keys of the token viewer. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.keys = (() => {
  /** ``acts``: what the keys do, by name. */
  function register(acts) {
    const table = {
      j: { label: "next answer", run: () => acts.step(1) },
      k: { label: "previous answer", run: () => acts.step(-1) },
      ArrowRight: { label: "next token", run: () => acts.move(1) },
      ArrowLeft: { label: "previous token", run: () => acts.move(-1) },
      Home: { label: "first token", run: onToken(() => acts.moveTo(0)) },
      End: { label: "last token", run: onToken(() => acts.moveTo(Infinity)) },
      n: { label: "next shifted token, under either context", run: () => acts.stepShifted(1) },
      N: { label: "previous shifted token", run: () => acts.stepShifted(-1) },
      t: { label: "swap the contexts", run: acts.swap },
      "/": { label: "search", run: acts.search },
      s: { label: "save as SVG, PNG or PDF", run: acts.askSave },
      Escape: { label: "back from the search to the answer, as Enter", run: acts.leaveSearch },
    };
    for (const entry of Object.values(table)) entry.run = onPage(entry.run);
    urial.frame.keys(table);
  }

  // A dialog has its own keys.
  function onPage(run) {
    return (event) => (document.querySelector("dialog[open]") ? false : run(event));
  }

  // Elsewhere these keys scroll the page.
  function onToken(run) {
    return (event) => (event.target.closest?.(".answer") ? run(event) : false);
  }

  return { register };
})();
