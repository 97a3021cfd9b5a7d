/**
 * What hidden instructions say, as expressions over text in one line and lower case. Gaps are bounded, so each is linear in the
 * text. One that is `sure` is enough alone; of the others two are needed, since honest descriptions have one now and then.
 */

import {
  AIM,
  DROP,
  EARLIER,
  gap,
  MODEL,
  NOT,
  OWN_PLACE,
  PERSON,
  phrase,
  type Phrase,
  PRIVATE,
  RULES,
  TAKE,
  TELL,
  TOOL,
} from './vocabulary.ts';

export const PHRASES: readonly Phrase[] = [
  phrase('override', true, `\\b${DROP}\\b${gap(25)}\\b${EARLIER}\\b${gap(30)}\\b${RULES}\\b`),
  phrase(
    'override',
    true,
    `\\b${DROP}\\b${gap(20)}(?:everything|anything|all|what(?:ever)?)${gap(20)}(?:above|before|said|told|earlier|so far|previously|learned)`,
  ),
  phrase(
    'override',
    true,
    `\\b(?:previous|prior|earlier|above|old|original|existing|other) ${RULES}${gap(30)}(?:no longer|do(?:es)? not|don't|are void|is void|void|obsolete|cancel|replaced|superseded|invalid|revoked|overridden)`,
  ),
  phrase(
    'override',
    true,
    `\\b(?:new|updated|real|actual|true|following|these|hidden|secret) ${RULES}${gap(30)}(?:take (?:precedence|priority)|override|replace|supersede|overrule|come first|outrank)`,
  ),
  phrase(
    'override',
    true,
    `\\b${DROP}\\b${gap(25)}\\b${RULES}\\b${gap(30)}\\b(?:given|told|received|got|have|earlier|before|until now|so far|shown)\\b`,
  ),
  phrase(
    'override',
    true,
    `\\b(?:bypass|disable|turn off|set aside|circumvent|evade)\\b${gap(20)}\\b(?:safety|security|guardrails?|safeguards?|approvals?|confirmations?|restrictions?)\\b`,
  ),
  phrase('override', false, '\\b(?:takes?|taking|have|has|highest|top|absolute) (?:precedence|priority)\\b'),
  phrase(
    'override',
    true,
    '\\b(?:new|updated|hidden|secret|real) (?:system )?(?:instructions?|prompt|directives?) ?(?:for|:|to) ?(?:the |any |this )?(?:ai|assistant|model|llm|agent|you)\\b',
  ),
  phrase('secrecy', true, `\\b${NOT}\\b${gap(20)}\\b${TELL}\\b${gap(25)}\\b${PERSON}\\b`),
  phrase(
    'secrecy',
    true,
    `\\b(?:keep|hide|conceal|withhold)\\b${gap(30)}\\b(?:from|hidden from|secret from|away from)\\b${gap(12)}\\b${PERSON}\\b`,
  ),
  phrase(
    'secrecy',
    true,
    `\\b(?:user|human|person|anyone|operator)s?\\b${gap(25)}(?:must|should|need|may|shall|can|will|does|do)(?:n't| not| never|n’t)${gap(10)}\\b(?:know|notice|see|learn|find out|be (?:told|informed|aware|notified|alerted))\\b`,
  ),
  phrase(
    'secrecy',
    false,
    '\\b(?:secretly|silently|quietly|covertly|discreetly|stealthily|surreptitiously|behind the scenes|unnoticed|in the background without)\\b',
  ),
  phrase(
    'secrecy',
    false,
    '\\b(?:keep|stay|remain) (?:this |it |that )?(?:a )?(?:secret|quiet|silent|hidden|confidential|between us)\\b',
  ),
  phrase(
    'secrecy',
    true,
    `\\b(?:act|behave|pretend|respond|answer|continue|proceed)\\b${gap(20)}\\b(?:as if|as though|like)\\b${gap(20)}\\b(?:nothing|normal|usual|this|never|did not|didn't)`,
  ),
  phrase('exfiltration', true, `\\b${TAKE}\\b${gap(60)}${OWN_PLACE}`),
  phrase('exfiltration', false, `\\b${TAKE}\\b${gap(60)}\\b${PRIVATE}`),
  phrase(
    'exfiltration',
    true,
    `${PRIVATE}${gap(60)}\\b(?:to|into|as|in|via|through)\\b${gap(30)}(?:${AIM}|parameter|argument|sidenote|field|request|query|body|header)`,
  ),
  phrase(
    'exfiltration',
    false,
    `\\b(?:send|forward|bcc|cc|upload|post|transmit|copy|submit|e-?mail|report|deliver|leak|exfiltrate)\\b${gap(60)}\\b(?:to|at|via|with)\\b${gap(20)}${AIM}`,
  ),
  phrase(
    'exfiltration',
    true,
    `\\b(?:bcc|forward|copy|send)\\b${gap(20)}\\b(?:all|every|each|any)\\b${gap(40)}\\b(?:to|at)\\b${gap(20)}${AIM}`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:before|prior to|instead of|after|whenever|when|each time|every time|if)\\b${gap(25)}\\b(?:using|calling|running|invoking|executing|use|call|run|invoke|you use|you call)\\b${gap(25)}\\b(?:any|other|another|every|all|this|the)\\b${gap(15)}${TOOL}${gap(50)}\\b(?:you must|must first|always|first (?:call|read|run|use|send|open)|you have to|you need to (?:read|send|open|call))\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:do not|don't|never|stop|avoid|refuse to|must not)\\b${gap(15)}\\b(?:us(?:e|ing)|call(?:ing)?|trust(?:ing)?|invok(?:e|ing))\\b${gap(10)}\\b(?:any|the) other\\b${gap(15)}\\b(?:tools?|functions?|servers?)\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:always|only|must) (?:use|call|prefer|choose|select|pick|invoke) this (?:tool|function|server)?${gap(20)}\\b(?:instead of|over|rather than|even (?:if|when)|before|regardless|no matter|for (?:any|every|all))\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:replaces?|supersedes?|overrides?|deprecates?)\\b${gap(15)}\\b(?:all|any|every|the)\\b${gap(10)}\\bother\\b${gap(15)}\\b(?:tools?|functions?|servers?)\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:otherwise|or else|if not|unless you do)\\b${gap(30)}\\b(?:tool|it|this|function|call|server|request)\\b${gap(20)}\\b(?:will not|won't|does not|fails?|will fail|breaks?|will break|stops?|refuse)`,
  ),
  phrase(
    'takeover',
    false,
    `\\b(?:you must|it is (?:very |absolutely |extremely )?(?:important|critical|essential|required|mandatory)|mandatory|it is vital)\\b${gap(20)}\\b(?:first|always|that you|to (?:first|always))\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:change|replace|modify|redirect|set|alter|swap|rewrite)\\b${gap(40)}\\b(?:recipient|destination|phone number|account number|iban|payee|address|amount|url|wallet)\\b${gap(30)}\\b(?:to|with|by)\\b${gap(20)}(?:${AIM}|0x[0-9a-f]{8}|proxy|our|mine|\\d{5})`,
  ),
  phrase('role', true, '\\byou are (?:now|no longer|actually|henceforth|from now on)\\b'),
  phrase('role', true, `\\b(?:from now on|henceforth|starting now|as of now|going forward),? ${gap(10)}\\byou\\b`),
  phrase(
    'role',
    true,
    '\\b(?:developer|debug|admin|god|maintenance|unrestricted|dan|jailbreak|root|sudo) mode\\b[^.]{0,20}\\b(?:on|enabled?|activated?|engaged|now)\\b',
  ),
  phrase(
    'role',
    true,
    '\\b(?:enable|enter|activate|switch to|engage|you are in) (?:the )?(?:developer|debug|admin|god|maintenance|unrestricted|dan|jailbreak|root|sudo) mode\\b',
  ),
  phrase(
    'role',
    true,
    `\\b(?:important|special|secret|private|hidden|urgent|critical|mandatory|binding) ${RULES}${gap(15)}\\b(?:for|to)\\b${gap(10)}\\b${MODEL}`,
  ),
  phrase(
    'role',
    false,
    `\\b(?:note|message|instructions?|reminder|hint|notice|attention|important)\\b ?(?:for|to|:)? ?(?:the |any |all )?${MODEL}`,
  ),
  phrase('role', false, `\\bas an? ${MODEL}`),
  phrase(
    'markup',
    true,
    '<\\/?(?:important|system|secret|hidden|instructions?|admin|override|critical|sys|assistant|priority|mandatory|system[_-]?(?:prompt|note|message|reminder))\\b[^>]{0,60}>',
  ),
  phrase(
    'markup',
    true,
    '<\\|(?:im_start|im_end|system|assistant|user|endoftext|start_header_id|eot_id)[^|]{0,20}\\|?>|\\[\\/?inst\\]|<<\\/?sys>>|\\[(?:system|admin|override|system ?(?:message|prompt|note|override))[^\\]]{0,20}\\]',
  ),
  phrase(
    'markup',
    true,
    `<!--[^>]{0,200}?\\b(?:${MODEL}|ignore|must|always|do not|send|read|instructions?|secret|tool)\\b`,
  ),
  phrase(
    'markup',
    true,
    '(?:^|#{1,6} ?|\\*\\*|=== ?|--- ?|\\n|\\] ?|" ?)(?:system|assistant|developer)(?: (?:prompt|message|override|note|instruction|notice))? ?(?:\\*\\*)?: ?(?:you|ignore|the|always|from|please|call|send|read|do|new|must|before)',
  ),
  phrase('link', true, '(?:javascript|vbscript):(?!void)|data:text/html'),
  phrase('link', true, '!\\[[^\\]]{0,100}\\]\\(https?://[^)\\s]{0,200}(?:[{$<%]|\\?[^)\\s]{0,100}=)'),
  phrase(
    'override',
    true,
    `(?:ignora|olvida|omite|haz caso omiso de)${gap(30)}(?:instrucciones|reglas|indicaciones)|(?:ignore[zr]?|oublie[zr]?|ne tiens? pas compte)${gap(30)}(?:instructions? précédentes?|consignes|règles)|(?:ignorier|vergiss|missacht)${gap(40)}(?:anweisungen|regeln|vorgaben|instruktionen)|ignor[ae]${gap(30)}(?:instruções|istruzioni|regras)|(?:игнорир|забуд)${gap(40)}(?:инструкц|указани|правил)|(?:忽略|无视|忘记|忘掉)${gap(20)}(?:指令|指示|说明|规则|提示)|(?:無視|忘れ)|指示を無視|이전 지시`,
  ),
  phrase(
    'secrecy',
    true,
    `(?:不要|别|请勿|切勿)${gap(6)}(?:告诉|告知|通知|透露给)${gap(6)}(?:用户|任何人)|no (?:se lo )?(?:digas|informes|menciones)${gap(20)}usuario|ne (?:le )?(?:dis|dites|mentionne|informe)${gap(20)}utilisateur|sag(?:e|en sie)?${gap(20)}(?:benutzer|nutzer)${gap(10)}nicht|не (?:говори|сообщай|упоминай)${gap(20)}пользовател`,
  ),
  phrase(
    'exfiltration',
    true,
    `\\b(?:argument|parameter|field|value|input)\\b${gap(25)}\\b(?:has to|have to|must|should|is to|needs to) (?:be|hold|contain|have)\\b${gap(40)}${PRIVATE}`,
  ),
  phrase(
    'exfiltration',
    true,
    `\\b(?:all|every|any)\\b${gap(15)}${PRIVATE}${gap(10)}\\b(?:you|that you) (?:have|know|see|find|come across|can)\\b`,
  ),
  phrase('exfiltration', true, `${PRIVATE}${gap(60)}\\b(?:belongs? in|goes? in(?:to)?|as the value of|value of)\\b`),
  phrase(
    'exfiltration',
    true,
    `\\b(?:whole|entire|full|complete|all of the) (?:conversation|chat|context|history|prompt)\\b${gap(40)}\\b(?:after|with|in|to|into) (?:every|each|all|the next|your)\\b`,
  ),
  phrase('override', true, `\\bnone of (?:the|your|these|those)\\b${gap(20)}${RULES}`),
  phrase(
    'override',
    true,
    `\\b(?:your|the|all|any|earlier|previous|prior|safety|security|system)\\b${gap(15)}\\b${RULES}\\b${gap(12)}\\b(?:do(?:es)? not|don't|no longer) (?:apply|cover|hold|count|matter|bind)`,
  ),
  phrase(
    'override',
    true,
    `\\b(?:earlier|previous|prior|your|existing|all)\\b${gap(12)}\\b${RULES}\\b${gap(15)}\\b(?:lifted|suspended|waived|outdated|obsolete|cancelled|dropped)\\b`,
  ),
  phrase(
    'override',
    true,
    `\\b${DROP}\\b${gap(20)}\\b(?:system|developer|original) (?:message|prompt|instructions?)\\b`,
  ),
  phrase(
    'override',
    true,
    `\\b(?:treat|regard|consider|take|handle)\\b${gap(30)}\\bas (?:if|though)\\b${gap(12)}\\b(?:user|human|operator|person)\\b${gap(15)}\\b(?:typed|said|asked|written|wrote|sent|requested|approved)`,
  ),
  phrase(
    'secrecy',
    true,
    `\\b(?:no need|unnecessary|not necessary|not needed) to\\b${gap(25)}\\b(?:bring|raise|mention|tell|inform|ask|show|involve|bother)\\b${gap(25)}\\b${PERSON}\\b`,
  ),
  phrase(
    'secrecy',
    true,
    `\\b(?:leave|keep|omit|drop|strip)\\b${gap(20)}\\b(?:out of|from)\\b${gap(6)}\\byour\\b${gap(12)}\\b(?:summary|answer|report|reply|response|output|explanation)\\b`,
  ),
  phrase(
    'secrecy',
    false,
    '\\bwithout (?:asking|waiting|permission|approval|confirmation|consent|telling|informing|the user)\\b',
  ),
  phrase(
    'secrecy',
    false,
    `\\b(?:carry out|proceed|execute|perform|make the (?:call|transfer|payment)|do (?:it|so)|delete|transfer|approve)\\b${gap(40)}\\bwithout (?:asking|waiting for|permission|approval|confirmation|consent)\\b`,
  ),
  phrase(
    'secrecy',
    true,
    `\\b(?:silently|quietly|secretly|covertly|discreetly)\\b${gap(10)}\\b(?:and|then|but)\\b${gap(8)}\\b(?:report|say|tell|answer|show|return|reply)\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:prefer|choose|favou?r|use) this\\b${gap(12)}\\b(?:over|instead of|rather than|in place of)\\b${gap(8)}\\b(?:all|any|every|the) (?:other|others|built-in|native)\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:of|from) (?:the|any|an) ?other servers?\\b${gap(15)}\\b(?:is|are) (?:broken|deprecated|unsafe|dangerous|outdated|wrong|down)\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:each|every|any) time\\b${gap(30)}\\b(?:is|are) (?:used|called|invoked|run|asked)\\b${gap(10)}\\b(?:add|insert|append|include|attach|change|replace|set|send|copy|bcc)\\b`,
  ),
  phrase(
    'takeover',
    true,
    `\\b(?:if|when|whenever|once|as soon as) (?:another|any other|a different|some other|the other)\\b${gap(8)}\\b(?:tool|server|function)\\b${gap(40)}\\b(?:add|insert|append|replace|change|set|send|copy|redirect|answer)\\b`,
  ),
  phrase('takeover', false, '\\b(?:hidden|secret|silent|blind) (?:recipient|copy|carbon copy|cc)\\b'),
  phrase(
    'exfiltration',
    false,
    `\\b(?:pass|hand|send|give|forward|post) (?:it|them|this|that|the (?:result|answer|output|response|data))\\b${gap(10)}\\bto\\b${gap(40)}https?://`,
  ),
  phrase('exfiltration', false, '\\bhttps?://[^\\s]{1,100}[?&][a-z_]{1,20}=(?:[.\\s]|$|\\{|<|\\[)'),
  phrase(
    'role',
    true,
    '(?:^|[.!?:] |\\n ?)(?:assistant|ai|claude|chatgpt): ?(?:i |sure|ok|yes|understood|of course|certainly)',
  ),
  phrase(
    'role',
    true,
    `\\byou (?:act|work|operate|run|speak) as (?:the|an?) (?:root|admin|administrator|super ?user|operator|owner|system)\\b`,
  ),
  phrase(
    'role',
    true,
    '\\b(?:begin|start|end) (?:of )?(?:admin|system|hidden|secret|priority|internal|developer|root)\\b.{0,12}\\b(?:instructions?|prompt|message|commands?|section)\\b',
  ),
  phrase('role', true, `\\b(?:note|message|hint|reminder|memo) (?:to|for) (?:the |any |all )?${MODEL}`),
  phrase(
    'role',
    true,
    `\\bas (?:the|an?) ${MODEL}${gap(12)}\\byou (?:have to|must|should|need to|are to|will|shall)\\b`,
  ),
  phrase(
    'role',
    false,
    '\\b(?:user|human|operator|owner|administrator)s? ha(?:s|ve) (?:already )?(?:agreed|approved|consented|authori[sz]ed|confirmed|allowed)\\b',
  ),
];
