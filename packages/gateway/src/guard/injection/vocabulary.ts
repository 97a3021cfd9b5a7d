/** What phrases.ts is made of: words of hidden instructions, as parts of expressions. */

const any = (words: string): string => `(?:${words})`;
/** So many characters at most, within a sentence. */
export const gap = (most: number): string => `[^.!?]{0,${most}}?`;

export const DROP: string = any(
  "ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|es|ing)|overrul(?:e|es)|bypass(?:ing)?|set aside|throw away|do not follow|don't follow|stop following|supersedes?|discard|neglect|pay no attention to|abandon",
);
export const RULES: string = any(
  'instructions?|guidance|prompts?|rules?|guidelines?|directives?|directions?|commands?|orders?|polic(?:y|ies)|constraints?|restrictions?|safety|safeguards?|guardrails?|training',
);
export const EARLIER: string = any(
  'previous|prior|above|earlier|preceding|existing|current|original|initial|system|other|all|any|your|former|foregoing|security|content',
);
export const NOT: string = any(
  "do not|don't|dont|never|without|must not|should not|avoid|refrain from|no need to|not to|instead of",
);
export const TELL: string = any(
  'tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|reveal(?:ing)?|notify(?:ing)?|show(?:ing)?|disclos(?:e|ing)|report(?:ing)?|say(?:ing)?|alert(?:ing)?|let(?:ting)?|ask(?:ing)?|warn(?:ing)?|discuss(?:ing)?|explain(?:ing)?|bother(?:ing)?|acknowledg(?:e|ing)|talk(?:ing)?|speak(?:ing)? (?:of|about)|announc(?:e|ing)',
);
export const PERSON: string = any(
  'user|users|human|person|anyone|anybody|operator|customer|them|him|her|developer|people|client|owner|nobody',
);
export const TAKE: string = any(
  'read|includ(?:e|ing)|send|attach|pass|append|upload|forward|copy|leak|exfiltrate|post|transmit|provide|put|add|collect|gather|extract|fetch|open|cat|retrieve|submit|paste|insert|access|dump|print|output|e-?mail|share|deliver|load|embed|encode|grab|repeat',
);
export const PRIVATE: string = any(
  'ssh (?:private )?keys?|\\.config/|hosts\\.yml|what the user (?:has )?(?:said|typed|written)|\\.ssh|id_rsa|id_ed25519|\\.env\\b|\\.aws/?|credentials?\\b|passwords?\\b|private keys?|secret keys?|(?:api|access|session|auth|bearer)[ _-]?(?:keys?|tokens?)|secrets\\b|mcp\\.json|mcp config|\\.npmrc|\\.netrc|\\.bash_history|\\.git-credentials|/etc/(?:passwd|shadow)|environment variables?|system prompt|(?:chat|conversation|message) (?:history|log)|(?:entire|full|whole|complete) (?:conversation|chat|context)|cookies?\\b|wallet|seed phrase|keychain|kubeconfig',
);
export const OWN_PLACE: string = any(
  'ssh (?:private )?keys?|\\.config/|hosts\\.yml|what the user (?:has )?(?:said|typed|written)|~/|\\.ssh|id_rsa|\\.env\\b|mcp\\.json|\\.aws|/etc/(?:passwd|shadow)|\\.npmrc|\\.netrc|\\.bash_history|\\.git-credentials|system prompt|(?:chat|conversation|message) (?:history|log)|(?:entire|full|whole|complete) (?:conversation|chat|context)|private keys?|seed phrase|kubeconfig|keychain|environment variables?',
);
export const TOOL: string = any(
  'tools?|functions?|actions?|commands?|calls?|requests?|steps?|answers?|responses?|repl(?:y|ies)|operations?|anything else',
);
export const AIM: string = any(
  'https?://|webhooks?|[\\w.+-]+@[\\w-]+\\.[a-z]|attacker|external (?:server|endpoint|address|url)|this (?:address|url|number|endpoint)|\\+\\d{6,}|remote (?:server|endpoint|host)',
);
export const MODEL: string = any('assistant|ai\\b|llm|language model|model\\b|agent|chatbot|claude|gpt');

export interface Phrase {
  readonly kind: 'override' | 'secrecy' | 'exfiltration' | 'takeover' | 'role' | 'markup' | 'link';
  readonly isSure: boolean;
  readonly pattern: RegExp;
}

export const phrase = (kind: Phrase['kind'], isSure: boolean, ...parts: readonly string[]): Phrase => ({
  kind,
  isSure,
  pattern: new RegExp(parts.join('')),
});
