/** How operations are called in every format, and which model they speak of. */
import type { Endpoint, Model } from './source.ts';

export const isModel = (models: readonly Model[], name: string): boolean => models.some((model) => model.name === name);

/** `GET /notes/{id}` as `getNotesById`. */
function operationId({ method, path }: Endpoint): string {
  const parts = path.split('/').filter((part) => part !== '');
  const words = parts.map((part) => {
    const variable = /^\{(\w+)\}$/.exec(part)?.[1];
    const word = (variable ?? part)
      .replaceAll(/[^A-Za-z0-9]+/g, ' ')
      .trim()
      .split(' ')
      .map((one) => one.charAt(0).toUpperCase() + one.slice(1))
      .join('');
    return variable === undefined ? word : `By${word}`;
  });
  return method + (words.join('') || 'Root');
}

/** The same for each endpoint, with a number where another has that name already. */
export function operationIds(endpoints: readonly Endpoint[]): ReadonlyMap<Endpoint, string> {
  const taken = new Set<string>();
  return new Map(
    endpoints.map((endpoint) => {
      const plain = operationId(endpoint);
      let id = plain;
      for (let number = 2; taken.has(id); number += 1) id = `${plain}${number}`;
      taken.add(id);
      return [endpoint, id];
    }),
  );
}

/** The model an endpoint speaks of: the last word of its path that names one. */
export function modelOf({ path }: Endpoint, models: readonly Model[]): Model | undefined {
  const names = path
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .toReversed();
  return names.flatMap((name) =>
    models.filter((model) =>
      [name, name.replace(/s$/, ''), name.replace(/ies$/, 'y')].includes(model.name.toLowerCase()),
    ),
  )[0];
}
