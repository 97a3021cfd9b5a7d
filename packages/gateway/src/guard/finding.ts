/** What a check of content has found, as it is told. Types alone. */

/** `check`: the key of `guard` that it belongs to. */
export interface Finding {
  readonly check: 'secrets' | 'injection';
  readonly where: 'arguments' | 'result' | 'error' | 'definition' | 'instructions';
  /** What was found: formats of secrets, ways of hiding. Never what stands there. */
  readonly kinds: readonly string[];
  readonly action: 'flag' | 'redact' | 'block';
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
}

/** Where clients read of what was found. */
export const META_GUARD = 'sallyport/guard';
