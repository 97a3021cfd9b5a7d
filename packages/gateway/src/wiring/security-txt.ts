/** `/.well-known/security.txt` (RFC 9116): where holes are reported. Public; a clean 404 where nobody wrote a contact. */

/** `security` of the configuration: URIs, the best first; none: there is no security.txt. */
export interface SecuritySettings {
  readonly contact: readonly string[];
  readonly policy?: string;
}

export const SECURITY_TXT_PATH = '/.well-known/security.txt';

const DAY_MS = 86_400_000;
/** What is read today should be looked at again by then (§2.5.5: less than a year). */
const GOOD_FOR_DAYS = 90;

/** Undefined: there is none. `publicUrl`: the address that clients use. */
export function securityText(
  { contact, policy }: SecuritySettings,
  publicUrl: string | undefined,
  nowMs: number,
): string | undefined {
  if (contact.length === 0) return undefined;
  // The same text all day.
  const expires = new Date((Math.floor(nowMs / DAY_MS) + GOOD_FOR_DAYS) * DAY_MS).toISOString();
  const own = publicUrl === undefined ? undefined : new URL(publicUrl);
  const lines = [
    ...contact.map((each) => `Contact: ${each}`),
    `Expires: ${expires}`,
    ...(policy === undefined ? [] : [`Policy: ${policy}`]),
    // Web URIs are https (§2.5.2).
    ...(own?.protocol === 'https:' ? [`Canonical: ${own.origin}${SECURITY_TXT_PATH}`] : []),
    'Preferred-Languages: en',
  ];
  return `${lines.join('\n')}\n`;
}
