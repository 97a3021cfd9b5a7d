/**
 * What a program finds when it begins, written in the language of the program: it runs inside of QuickJS and holds on to what it
 * uses, so that nothing a program does to the built-in objects changes what its calls mean.
 */

/**
 * Takes `call(name, args) → promise of JSON of {error, value}`, `log(line)`, the JSON of a `ToolTable` and that of what the program
 * was called with, or undefined; returns the text of a value.
 */
export const PRELUDE = `((call, log, table, given) => {
  'use strict';
  const { parse, stringify } = JSON;
  const { create, keys } = Object;
  const { isArray } = Array;
  const text = String;
  class ToolError extends Error {
    get name() { return 'ToolError'; }
  }
  const shelf = (what, names, make) => {
    const made = create(null);
    const known = keys(names);
    const has = (name) => typeof name === 'string' && known.includes(name);
    return new Proxy(create(null), {
      get(_target, name) {
        if (has(name)) return (made[name] ??= make(name, names[name]));
        if (typeof name !== 'string' || name === 'then' || name === 'toJSON') return undefined;
        const some = known.slice(0, 20).join(', ') + (known.length > 20 ? ' and ' + (known.length - 20) + ' more' : '');
        throw new TypeError(what + ' has no "' + name + '". It has: ' + (some === '' ? 'nothing' : some) + '.');
      },
      has: (_target, name) => has(name),
      ownKeys: () => known,
      getOwnPropertyDescriptor: (_target, name) =>
        has(name) ? { configurable: true, enumerable: true, value: undefined } : undefined,
      set: () => { throw new TypeError(what + ' cannot be changed.'); },
      defineProperty: () => false,
      deleteProperty: () => false,
      setPrototypeOf: () => false,
    });
  };
  const define = (name, value) => Object.defineProperty(globalThis, name, { value, enumerable: true });
  define('ToolError', ToolError);
  if (given !== undefined) define('args', parse(given));
  define('tools', shelf('tools', parse(table), (server, names) =>
    shelf('tools.' + server, names, (tool, name) => async (args = {}) => {
      // What it looks like and what is written of it may differ: toJSON, a Proxy.
      const written = typeof args === 'object' && args !== null && !isArray(args) ? stringify(args) : undefined;
      if (written === undefined || written[0] !== '{') {
        throw new TypeError('tools.' + server + '.' + tool + ' takes one object of arguments.');
      }
      // Both are there, whatever a program gives all objects.
      const { error, value } = parse(await call(name, written));
      if (error !== null) throw new ToolError(error);
      return value;
    })));
  const line = (values) => {
    let all = '';
    for (const value of values) {
      let one;
      if (typeof value === 'string') one = value;
      else if (value instanceof Error) one = text(value);
      else try { one = stringify(value) ?? text(value); } catch { one = text(value); }
      all += (all === '' ? '' : ' ') + one;
    }
    return all;
  };
  const write = (...values) => log(line(values));
  define('console', Object.freeze({ log: write, info: write, warn: write, error: write, debug: write }));
  return (value) => stringify(value);
})`;
