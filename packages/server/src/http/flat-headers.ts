/** Headers as the flat list that node:http writes fastest. */

const NO_HEADERS: readonly string[] = [];

export function flat(headers: Readonly<Record<string, string>>): readonly string[] {
  let list = NO_HEADERS;
  for (const name in headers) list = [...list, name, headers[name] as string];
  return list;
}
