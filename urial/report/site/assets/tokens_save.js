/* Saves the picture: SVG, PNG of that SVG, and PDF by printing that SVG on a page of its size. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.save = (() => {
  const { element } = urial;
  // Pixels a unit of the drawing: sharp on the screens that people have, and in a paper's column.
  const SCALE = 2;

  /** The drawing of a picture from the line that is first in sight, with the address that shows it again. */
  function drawingOf(picture, { answer, view, index }, theme) {
    const { layout, drawing } = urial.tokens;
    const first = layout.firstInSight(picture);
    return drawing.draw(picture, {
      theme,
      title: `${index.instructions.id[answer.number]} under ${[view.above, view.below].filter((name) => name !== null).join(" and ")}`,
      description: `${answer.instruction}\n${picture.querySelector(".caption").innerText}\ntokens.html${window.location.hash}`,
      prepare: (copy) => {
        layout.fit(copy);
        layout.scrollTo(copy, first);
        // The lines of the copy are longer or shorter than the screen's.
        const current = copy.querySelector(".token.current");
        if (current) layout.reveal(current);
      },
    });
  }

  function svgText(drawing) {
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(drawing)}\n`;
  }

  function download(blob, name) {
    const address = URL.createObjectURL(blob);
    element("a", { href: address, download: name }).click();
    // The browser reads it after this turn.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    urial.frame.announce(`Saved ${name}`);
  }

  function saveSvg(drawing, name) {
    download(new Blob([svgText(drawing)], { type: "image/svg+xml" }), `${name}.svg`);
  }

  async function savePng(drawing, name) {
    const image = new Image();
    const address = URL.createObjectURL(new Blob([svgText(drawing)], { type: "image/svg+xml" }));
    image.src = address;
    await image.decode();
    const { width, height } = urial.tokens.drawing.SIZE;
    const canvas = element("canvas", { width: SCALE * width, height: SCALE * height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(address);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (blob === null) throw new Error("the browser made no PNG of the picture");
    download(blob, `${name}.png`);
  }

  /** Whatever starts the printing, what is printed is the drawing alone, in the light theme. */
  function printsAs(draw) {
    const clear = () => document.getElementById("printed")?.remove();
    window.addEventListener("beforeprint", () => {
      clear();
      const drawing = draw("light");
      if (drawing) document.body.append(element("div", { id: "printed" }, drawing));
    });
    window.addEventListener("afterprint", clear);
  }

  // The name of a file: of letters that every file system takes.
  function fileName(view, index) {
    const parts = [index.instructions.id[view.number], view.above, view.below, view.token === null ? null : `token-${view.token}`];
    return parts.filter((part) => part !== null).join("-").replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 120);
  }

  /** The dialog of the three forms. ``draw(theme)`` gives the drawing, ``name()`` the file's name. */
  function ask(draw, name) {
    const failed = (error) => { problem.textContent = `Not saved: ${error.message}.`; };
    const button = (label, run) => element("button", { type: "button", onclick: async () => {
      try {
        await run();
        dialog.close();
      } catch (error) {
        failed(error);
      }
    } }, label);
    const problem = element("p", { class: "missing", role: "alert" });
    const dialog = element("dialog", { class: "save", "aria-labelledby": "save-title", onclose: () => dialog.remove() },
      element("h2", { id: "save-title" }, "Save this picture"),
      element("p", { class: "quiet" },
        "1200 × 675, as it is on the screen: with the token that is marked, from the first line in sight. ",
        "PDF is the browser’s own “Save as PDF”."),
      element("div", { class: "forms" },
        button("SVG", () => saveSvg(draw(), name())),
        button("PNG", () => savePng(draw(), name())),
        button("PDF", () => setTimeout(() => window.print())),
        button("Cancel", () => {})),
      problem);
    document.body.append(dialog);
    dialog.showModal();
  }

  return { ask, drawingOf, printsAs, fileName };
})();
