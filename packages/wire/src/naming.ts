/** The one name of a tool or prompt that no renaming, view or endpoint changes. Names of servers hold no `__`. */

export function canonicalId(server: string, original: string): string {
  return `${server}__${original}`;
}
