/**
 * Finds in a text what must not leave this machine: tokens of well-known shapes, assignments of random-looking values
 * to names like `apiKey`, paths of this checkout, host names of package registries. Pure. It knows shapes, not
 * meaning: a short password in prose goes unseen.
 */

/** A find. `excerpt` never holds more than the first characters of a secret. */
export interface Leak {
  readonly rule: string;
  readonly line: number;
  readonly excerpt: string;
}

/** One kind of leak. The pattern has the flags `g` and `u`; `keep` may refuse a match that is no secret. */
export interface LeakRule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly keep?: (match: RegExpMatchArray) => boolean;
}

const minEntropyBits = 3.6;

const tokenRules: readonly LeakRule[] = [
  { name: 'private-key', pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s*(?:\\n)?[A-Za-z0-9+/=]{16}/gu },
  { name: 'aws-key', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/gu },
  { name: 'github-token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})/gu },
  { name: 'gitlab-token', pattern: /\bglpat-[A-Za-z0-9_-]{20,}/gu },
  { name: 'npm-token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/gu },
  { name: 'npmrc-token', pattern: /_(?:authToken|auth|password)\s*=\s*(?!\$\{)[^\s$"'`\\]{8,}/gu },
  { name: 'slack-token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/gu },
  { name: 'google-key', pattern: /\bAIza[A-Za-z0-9_-]{35}/gu },
  { name: 'model-key', pattern: /\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,}/gu },
  { name: 'stripe-key', pattern: /\b[rs]k_live_[A-Za-z0-9]{20,}/gu },
  { name: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}/gu },
  { name: 'url-password', pattern: /\b[a-z][a-z0-9+]*:\/\/[^\s/:@"'`<>{}$]+:[^\s/:@"'`<>{}$]{8,}@[a-z0-9]/giu },
  {
    name: 'assigned-secret',
    pattern:
      /(?:secret|token|passw(?:or)?d|api_?-?key|private_?-?key|credential)[A-Za-z_-]*["'`]?\s*[:=]\s*["'`]([A-Za-z0-9+/=_.-]{20,})["'`]/giu,
    keep: (match) => looksRandom(match[1] ?? ''),
  },
];

/** Bits per character of `text` after Shannon. */
export function entropyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Random-looking: letters and digits mixed, and as much entropy as a generated key has. */
function looksRandom(text: string): boolean {
  return /[0-9]/.test(text) && /[A-Za-z]/.test(text) && entropyBits(text) >= minEntropyBits;
}

/**
 * The rules for a machine. `places` are absolute paths that tell where this checkout is; `registries` host names.
 */
export function leakRules(places: readonly string[], registries: readonly string[]): LeakRule[] {
  const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
  return [
    ...tokenRules,
    ...places.map((each) => ({
      name: 'machine-path',
      pattern: new RegExp(`(?<![A-Za-z0-9_.-])${literal(each)}(?![A-Za-z0-9_-])`, 'gu'),
    })),
    ...registries.map((each) => ({
      name: 'registry-host',
      pattern: new RegExp(`(?<![A-Za-z0-9.-])${literal(each)}(?![A-Za-z0-9-])`, 'giu'),
    })),
  ];
}

/** All leaks of a text, in the order of the rules. */
export function findLeaks(text: string, rules: readonly LeakRule[]): Leak[] {
  return rules.flatMap(({ name, pattern, keep }) =>
    [...text.matchAll(pattern)]
      .filter((match) => keep?.(match) ?? true)
      .map((match) => ({
        rule: name,
        line: text.slice(0, match.index).split('\n').length,
        excerpt: `${match[0].slice(0, 12).replaceAll('\n', ' ')}…`,
      })),
  );
}

/** Absolute paths in the `sources` of a source map; an unreadable map counts as one. */
export function absoluteSources(map: string): string[] {
  try {
    const { sources, sourceRoot } = JSON.parse(map) as { sources?: readonly string[]; sourceRoot?: string };
    return [...(sources ?? []), sourceRoot ?? ''].filter((each) => /^(?:\/|[A-Za-z]:[\\/]|file:)/u.test(each));
  } catch {
    return ['not a source map'];
  }
}
