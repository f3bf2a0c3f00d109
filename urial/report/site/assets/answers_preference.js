/* One answer compared with the baseline's: the verdict by order of showing, what follows, and why. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;
  const OUTCOME = { win: "wins", tie: "tie", loss: "loses", inconsistent: "flip", invalid: "invalid" };
  const WHY_NOT = {
    no_completion: "Not compared: there is no answer.", no_baseline: "Not compared: the baseline has no answer.", not_judged: "Not compared.",
  };

  /** A comparison in a column; ``system`` is the column's. */
  function block(system, preference) {
    if (!preference) return null;
    const title = element("h4", null, `Compared with ${preference.baseline}`);
    if (preference.status !== "compared") {
      return [title, element("p", { class: "missing" }, WHY_NOT[preference.status] || preference.status),
        preference.reason ? element("p", { class: "text reason" }, preference.reason) : null];
    }
    const flips = preference.results.filter((result) => result.outcome === "inconsistent").map((result) => result.criterion);
    return [
      title,
      flips.length ? element("p", null, element("span", { class: "badge warn" }, "flip"), ` The order decides: ${flips.join(", ")}.`) : null,
      element("div", { class: "preference", style: { "--orders": preference.orders.length } },
        heads(system, preference), preference.results.map((result) => criterion(system, preference, result))),
    ];
  }

  /** What stands over the columns of verdicts: who was shown first. */
  function heads(system, preference) {
    return element("div", { class: "heads" },
      element("span", null, "criterion"),
      preference.orders.map((order) => element("span", null, `${firstShown(system, preference, order)} first`)),
      element("span", null, "both"));
  }

  function firstShown(system, preference, order) {
    return { system, baseline: preference.baseline }[order.first] || "not known who";
  }

  /** One criterion: a row that opens to the rationale of every order. A flip is open. */
  function criterion(system, preference, result) {
    const choices = preference.orders.map((order) => order.choices.find((choice) => choice.criterion === result.criterion));
    const flip = result.outcome === "inconsistent";
    return element("details", { class: flip ? "criterion flip" : "criterion", open: flip || result.criterion === "overall" },
      element("summary", null,
        element("span", null, result.criterion),
        choices.map((choice) => element("span", { class: "verdict" }, verdict(choice))),
        element("span", { class: flip || result.outcome === "invalid" ? "badge warn" : `verdict ${result.outcome}` }, OUTCOME[result.outcome])),
      rationales(system, preference, choices));
  }

  /** A verdict in words, with its number where the judge weighed two tokens. */
  function verdict(choice) {
    if (choice.verdict === null) return choice.status.replace(/_/g, " ");
    const weighed = ![0, 0.5, 1].includes(choice.preference);
    return weighed ? `${OUTCOME[choice.verdict]} ${choice.preference.toFixed(2)}` : OUTCOME[choice.verdict];
  }

  /** Why, by order; once where the judge said the same in each. */
  function rationales(system, preference, choices) {
    const texts = choices.map((choice) => choice.rationale);
    if (texts.length > 1 && texts.every((text) => text === texts[0])) return said("In both orders", texts[0]);
    return texts.map((text, place) => said(`${firstShown(system, preference, preference.orders[place])} first`, text));
  }

  function said(when, text) {
    return element("div", { class: "said" }, element("h5", null, when), text === null
      ? element("p", { class: "missing" }, "no rationale")
      : urial.answers.text.block([{ text }]));
  }

  urial.answers.preference = { block };
})(window.urial);
