/**
 * From a JSON Schema to a check, within bounds: 2020-12, and 2019-09, draft-07 and draft-06 where `$schema` says so. Written here
 * because every step has to be counted: a schema of a few lines can cost any amount of time, and no library stops in the
 * middle. `format` and the `content*` keywords are annotations, as they are by default. `$dynamicRef` and `$recursiveRef` are
 * not understood, and said so.
 */

import { isObject, type JsonValue } from '../json.ts';
import { logic } from './logic.ts';
import type { CompilePattern, Making, Pattern } from './making.ts';
import { baseIn, openDocument, type Document, type Place, type Schema } from './names.ts';
import { addSeen, newSeen, Run, SchemaError, type Check, type Problem } from './run.ts';
import { structure, unevaluated } from './structure.ts';
import { scalars } from './scalars.ts';

/** Empty: the value is as the schema says. Throws `TooCostly`. */
export type SchemaCheck = (value: JsonValue) => readonly Problem[];

const MAX_SUBSCHEMAS = 5000;
/** Characters of text times instructions of a pattern that cost a step. */
const MATCHING_PER_STEP = 64;
const MAX_PATTERN = 2000;

/** Throws a `SchemaError` for a schema that cannot be checked by. */
export function compileSchema(schema: Schema, compilePattern: CompilePattern): SchemaCheck {
  const check = new Compiler(openDocument(schema), compilePattern).compile();
  return (value) => {
    const run = new Run();
    return check(value, run, undefined) ? [] : run.problems;
  };
}

class Compiler {
  readonly #document: Document;
  readonly #compilePattern: CompilePattern;
  readonly #known: Map<Schema, Map<string, { check: Check }>> = new Map();
  /** What is referred to is made after what refers to it: no chain of references is as deep as the stack. */
  readonly #open: { readonly place: Place; readonly holder: { check: Check } }[] = [];
  #count = 0;

  constructor(document: Document, compilePattern: CompilePattern) {
    this.#document = document;
    this.#compilePattern = compilePattern;
  }

  compile(): Check {
    const root = this.#later(this.#document.root);
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      next.holder.check = this.#make(next.place);
    }
    return root.check;
  }

  #later(place: Place): { check: Check } {
    const bases = this.#known.get(place.schema) ?? new Map<string, { check: Check }>();
    this.#known.set(place.schema, bases);
    const known = bases.get(place.base);
    if (known !== undefined) return known;
    const holder = { check: nothingYet };
    bases.set(place.base, holder);
    this.#open.push({ place, holder });
    return holder;
  }

  #make({ base, schema }: Place): Check {
    if (++this.#count > MAX_SUBSCHEMAS) throw new SchemaError('it has too many parts');
    if (schema === true) return holds;
    if (schema === false) return (_value, run) => run.fail('not allowed');
    const making = this.#making(base);
    const isReference = making.dialect.refAlone && schema['$ref'] !== undefined;
    const families = isReference ? [logic] : [scalars, structure, logic];
    const checks = families.flatMap((family) => family(isReference ? { $ref: schema['$ref'] } : schema, making));
    const rest = isReference ? [] : unevaluated(schema, making);
    const all = rest.length === 0 ? checks : [looking(checks, rest)];
    const [only] = all;
    if (all.length === 1 && only !== undefined) return counted(only);
    return (value, run, seen) => {
      run.spend(1);
      // Every one is asked, so that all that is wrong is said.
      let isValid = true;
      for (const check of all) if (!check(value, run, seen)) isValid = false;
      return isValid;
    };
  }

  #making(base: string): Making {
    const { dialect } = this.#document;
    return {
      dialect,
      check: (part, keyword) => {
        if (!isObject(part) && typeof part !== 'boolean')
          throw new SchemaError(`\`${keyword}\` has something that is no schema`);
        return this.#make({ schema: part, base: baseIn(part, base) });
      },
      reference: (text) => {
        const holder = this.#later(this.#document.find(text, base));
        return (value, run, seen) => run.behind(() => holder.check(value, run, seen));
      },
      pattern: (source) => this.#pattern(source),
    };
  }

  #pattern(source: string): (text: string, run: Run) => boolean {
    let pattern: Pattern;
    try {
      pattern = this.#compilePattern(source);
    } catch {
      throw new SchemaError(`this pattern cannot be matched in linear time: ${JSON.stringify(source.slice(0, 200))}`);
    }
    const size = pattern.programSize();
    if (size > MAX_PATTERN) throw new SchemaError('it has a pattern that is too large');
    return (text, run) => {
      run.spend(Math.ceil((text.length * size) / MATCHING_PER_STEP));
      return pattern.test(text);
    };
  }
}

/** Asked of nothing before it is replaced. */
const nothingYet: Check = () => false;
const holds: Check = () => true;

function counted(check: Check): Check {
  return (value, run, seen) => {
    run.spend(1);
    return check(value, run, seen);
  };
}

/** With what must know what the others have looked at. */
function looking(checks: readonly Check[], rest: readonly Check[]): Check {
  return (value, run, outer) => {
    // What stands around it may have looked at more: that does not count here.
    const seen = newSeen();
    let isValid = true;
    for (const check of checks) if (!check(value, run, seen)) isValid = false;
    for (const check of rest) if (!check(value, run, seen)) isValid = false;
    if (isValid) addSeen(outer, seen);
    return isValid;
  };
}
