/**
 * A configuration file as text: which format it has, its value, and the place of every value in it. JSON is read as JSONC,
 * YAML as 1.2 core without tags, TOML as 1.0. Sizes, nesting and aliases are bounded, so no file can hang or fill the process.
 * It knows nothing of keys and their meaning.
 */
import type { Path, Source } from './source-tree.ts';
import type { Position } from './types.ts';

export type { Path, Source };

export type Format = 'json' | 'yaml' | 'toml';
/** Bytes of a configuration file; the catalogue of a thousand servers is a quarter of that. */
export const maxFileBytes = 1_048_576;

/** The format that a file's name tells. */
export function formatOf(path: string): Format | undefined {
  if (/\.jsonc?$/i.test(path)) return 'json';
  if (/\.ya?ml$/i.test(path)) return 'yaml';
  return /\.toml$/i.test(path) ? 'toml' : undefined;
}

/**
 * Reads the text of a file. Never rejects because of what the text holds: see `problems`. Of the readers only the one that is
 * used is loaded; the parser behind it is a large part of what a start costs.
 */
export async function readSource(text: string, format: Format): Promise<Source> {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  if (format === 'json') return (await import('./source-json.ts')).readJson(body);
  if (format === 'yaml') return (await import('./source-yaml.ts')).readYaml(body);
  return (await import('./source-toml.ts')).readToml(body);
}

/** Key of `Source.positions`. */
export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** The place of a value, or of the nearest value around it. */
export function locate(source: Source, path: Path): Position | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const place = source.positions.get(pathKey(path.slice(0, length)));
    if (place !== undefined) return place.position;
  }
  return source.positions.get(pathKey([]))?.position;
}

/** The keys of an object in the order of the file (JavaScript would put `"1"` before `"a"`). */
export function keysInOrder(source: Source, path: Path): string[] {
  const prefix = pathKey(path);
  return [...source.positions.values()].flatMap((place) => {
    const key = place.path.at(-1);
    const inside = place.path.length === path.length + 1 && pathKey(place.path.slice(0, -1)) === prefix;
    return inside && typeof key === 'string' ? [key] : [];
  });
}
