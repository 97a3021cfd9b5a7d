/** What a check of content has found, as it is told. Types alone. */

/** `check`: the key of `guard` that it belongs to. */
export interface Finding {
  readonly check: 'secrets' | 'injection' | 'external';
  readonly where: 'arguments' | 'result' | 'error' | 'definition' | 'instructions' | 'message' | 'reply';
  /** What was found: formats of secrets, ways of hiding, what an external guard decided. Never what stands there. */
  readonly kinds: readonly string[];
  readonly action: 'flag' | 'redact' | 'block';
}

export type ExternalPlace = 'arguments' | 'results';

/** `guard.external`. */
export interface ExternalGuardSettings {
  readonly url: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What happens without an answer that can be understood. */
  readonly fail: 'open' | 'closed';
  readonly on: readonly ExternalPlace[];
}

/** `guard` of the configuration, as this room needs it. */
export interface GuardSettings {
  readonly arguments: 'validate' | 'off';
  readonly secrets: 'off' | 'flag' | 'redact' | 'block';
  readonly injection: 'off' | 'flag' | 'block';
  /** Results are looked through for hidden instructions too. */
  readonly injectionResults: boolean;
  /** Of a result. */
  readonly resultMaxBytes: number;
  readonly external?: ExternalGuardSettings;
}

/** Where clients read of what was found. */
export const META_GUARD = 'sallyport/guard';
