/* Loads the data files of the site, each when it is needed: `urial.load("answers/0003")` is a promise of what
   data/answers/0003.js gives to `urial.receive`. A page of the file system may load scripts, and nothing else. */
"use strict";
window.urial = window.urial || {};

(function (urial) {
  // Shards that are kept, of all kinds together; the index and the texts to search are always kept.
  const KEPT = 12;
  const ALWAYS = new Set(["index", "search"]);
  const loads = new Map(); // name -> promise, the one used last at the end
  const received = new Map(); // name -> data, until its promise has it

  /** What every data file calls. */
  urial.receive = (name, data) => {
    received.set(name, data);
    if (name === "index") urial.index = data;
  };

  function take(name) {
    const data = received.get(name);
    received.delete(name);
    return data;
  }

  function missing(name, what) {
    return new Error(`data/${name}.js ${what}. Get the whole site: dvc pull data/report/site`);
  }

  function start(name) {
    if (received.has(name)) return Promise.resolve(take(name));
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = (settle) => {
        script.remove();
        settle();
      };
      script.onload = () =>
        end(() => (received.has(name) ? resolve(take(name)) : reject(missing(name, "is not whole"))));
      script.onerror = () => end(() => reject(missing(name, "is not here")));
      script.src = urial.scriptURL(`data/${name}.js`);
      document.head.append(script);
    });
  }

  function forgetOldest() {
    const names = [...loads.keys()].filter((name) => !ALWAYS.has(name));
    for (const name of names.slice(0, Math.max(0, names.length - KEPT))) loads.delete(name);
  }

  /** A promise of the data of a file; it rejects with an Error whose message says which file is missing. */
  urial.load = (name) => {
    const load = loads.get(name) || start(name);
    loads.delete(name);
    loads.set(name, load);
    // What failed is tried again when it is asked for again.
    load.catch(() => loads.delete(name));
    forgetOldest();
    return load;
  };

  /** A promise of {shard, at}: the file of a kind (answers, tokens, candidates) that has an instruction, and its place there. */
  urial.shard = (kind, number) => {
    const size = urial.index.size[kind];
    const name = `${kind}/${String(Math.floor(number / size)).padStart(4, "0")}`;
    return urial.load(name).then((shard) => ({ shard, at: number - shard.first }));
  };
})(window.urial);
