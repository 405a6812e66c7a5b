// Sorts splats by depth in a worker. Spark's own is WebAssembly, two megabytes that a strict policy would have to allow.

export class Sorter {
  constructor() {
    const source = URL.createObjectURL(new Blob([`(${work})()`], { type: "text/javascript" }));
    this.worker = new Worker(source);
    URL.revokeObjectURL(source);
  }

  // As Spark asks for it, one call at a time: `readback` are depths as bits of floats, `ordering` is filled with the
  // rows of those that are finite, the farthest first.
  call(_, { numSplats, readback, ordering }) {
    return new Promise((resolve) => {
      this.worker.onmessage = ({ data }) => resolve(data);
      this.worker.postMessage({ numSplats, readback, ordering }, [readback.buffer, ordering.buffer]);
    });
  }
}

// In the worker: a radix sort by two halves. Bits of positive floats are ordered as the floats are.
function work() {
  const INFINITE = 0x7f800000;
  let rows = new Uint32Array(0);
  onmessage = ({ data: { numSplats, readback, ordering } }) => {
    if (rows.length < numSplats) rows = new Uint32Array(numSplats);
    const low = new Uint32Array(65537);
    const high = new Uint32Array(65537);
    let active = 0;
    for (let i = 0; i < numSplats; i++) {
      if (readback[i] >= INFINITE) continue;
      active++;
      low[0xffff - (readback[i] & 0xffff) + 1]++;
      high[0xffff - (readback[i] >>> 16) + 1]++;
    }
    for (let k = 1; k <= 65536; k++) {
      low[k] += low[k - 1];
      high[k] += high[k - 1];
    }
    for (let i = 0; i < numSplats; i++)
      if (readback[i] < INFINITE) rows[low[0xffff - (readback[i] & 0xffff)]++] = i;
    for (let k = 0; k < active; k++) ordering[high[0xffff - (readback[rows[k]] >>> 16)]++] = rows[k];
    postMessage({ readback, ordering, activeSplats: active }, [readback.buffer, ordering.buffer]);
  };
}
