/**
 * A question as the things that it asks for. It comes from a model or a person and may be anything: encoded data in it is left
 * out, what remains is bounded, and several wishes in one question are taken apart.
 */

/** Characters that are looked at at all. */
const MAX_TAKEN = 256 * 1024;
/** Of what remains: so many from the beginning, and so many from the end, where the question may stand behind its material. */
const HEAD = 3000;
const TAIL = 1000;
const MAX_PARTS = 8;

/** Runs that are no words where they are long: base64, hashes, keys. Looked at whole, so that none is looked at from each of its characters. */
const RUN = /[A-Za-z0-9+/=_-]+/g;
const DATA_LENGTH = 48;
/** What a file is called says nothing of what is to be done; that it is one, and of which kind, does. */
const FILE_NAME = /(?<![\w.@/:])[\w-]{1,64}\.([a-z][a-z0-9]{1,4})(?![\w.@/])/gi;
const FILE_KINDS: ReadonlySet<string> = new Set(
  'txt md log csv tsv json jsonl yaml yml toml xml html ini cfg conf env pdf doc docx xls xlsx ppt pptx svg png jpg jpeg gif webp mp3 wav mp4 zip py ts sh sql'.split(
    ' ',
  ),
);
/** One is enough: what looks for them takes longer the more there are in a row. */
const SPACES = /[^\S\n]+/g;
const LINES = /\n\s*/g;
/** Where one wish ends: sentences, lines, and words of sequence. */
const SENTENCE = /[.!?](?=\s)|[。！？；;\n]|,?\s+(?:and\s+then|then|after\s+that|afterwards|finally)\s+/giu;
/** And within a sentence of several. */
const CLAUSE = /[,，]\s*(?:and\s+)?|\s+and\s+/giu;
/** Words of a sentence that may hold several wishes: a shorter one only names several things. */
const MANY_WORDS = 14;

/** The question without its data. */
export function cleanQuery(text: string): string {
  const words = text
    .slice(0, MAX_TAKEN)
    .replaceAll(RUN, withoutData)
    .replaceAll(FILE_NAME, withoutName)
    .replaceAll(SPACES, ' ')
    .replaceAll(LINES, '\n');
  return words.length <= HEAD + TAIL ? words : `${words.slice(0, HEAD)} ${words.slice(-TAIL)}`;
}

function withoutData(run: string): string {
  return run.length < DATA_LENGTH ? run : ' ';
}

function withoutName(name: string, kind: string): string {
  return FILE_KINDS.has(kind.toLowerCase()) ? `${kind} file` : name;
}

/** The wishes in a question, in order; one alone where nothing parts them. */
export function partsOf(question: string): string[] {
  return question
    .split(SENTENCE)
    .flatMap((sentence) => (sentence.split(/\s+/).length > MANY_WORDS ? sentence.split(CLAUSE) : [sentence]))
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .slice(0, MAX_PARTS);
}
