/** The one name of a tool or prompt that no renaming, view or endpoint changes. */

export function canonicalId(server: string, original: string): string {
  return `${server}__${original}`;
}
