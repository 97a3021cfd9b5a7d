/** The prompt of `sallyport dev`: lines in, calls of the server out. What the server asks meanwhile is answered by lines too. */
import type {
  Client,
  FormAnswer,
  FormRequest,
  SamplingRequest,
  SamplingResult,
  UrlAnswer,
  UrlRequest,
} from '@sallyport/client';
import { isObject, type JsonObject } from '@sallyport/wire';
import type { CliContext } from './context.ts';
import { DEV_VERBS } from './dev-verbs.ts';
import { note } from './output.ts';
import { oneLine, textOf } from './text.ts';
import { shapeText } from './words.ts';

export interface DevPromptOptions {
  readonly context: CliContext;
  readonly client: () => Client | undefined;
  readonly restart: () => Promise<void>;
}

const HELP = `tools                  what there is to call
call TOOL [ARGUMENTS]  one JSON object, or name=value …
read URI               a resource; without a URI the list of them
prompt NAME [k=v …]    a prompt; without a name the list of them
restart                start the server again
quit                   end`;

/** What stands behind `answer`; undefined: it is none. */
type ReadAnswer = (words: string) => JsonObject | undefined;
type Answer = { readonly action: 'accept'; readonly content: JsonObject } | { readonly action: 'decline' | 'cancel' };

interface Question {
  readonly read: ReadAnswer;
  readonly settle: (answer: Answer) => void;
}

export class DevPrompt {
  readonly #options: DevPromptOptions;
  #question: Question | undefined;
  #onQuestion: () => void = () => undefined;
  #isOver = false;

  constructor(options: DevPromptOptions) {
    this.#options = options;
  }

  /** Handlers of what the server asks. One question at a time: a second one is declined. */
  async form({ message, problems, requestedSchema }: FormRequest): Promise<FormAnswer> {
    const wrong = problems.map((problem) => `\n  not so: ${problem.message}`).join('');
    const text = `the server asks: ${oneLine(message)}${wrong}\n${shapeText(requestedSchema)}\n`;
    return (await this.#ask(`${text}\`answer {…}\`, \`decline\` or \`cancel\``, contentOf)) as FormAnswer;
  }

  async url({ message, url }: UrlRequest): Promise<UrlAnswer> {
    const answer = await this.#ask(
      `the server asks: ${oneLine(message)}\n  it wants you to open ${oneLine(url)}\n\`answer\` when you have, \`decline\` or \`cancel\``,
      contentOf,
    );
    return { action: answer.action };
  }

  /** Rejects when the person does not want to be the model. */
  async sample({ messages, systemPrompt }: SamplingRequest): Promise<SamplingResult> {
    const said = messages.map(({ content, role }) => `  ${role}: ${oneLine(spoken(content))}`);
    const lines = [...(systemPrompt === undefined ? [] : [`  system: ${oneLine(systemPrompt)}`]), ...said];
    const answer = await this.#ask(
      `the server asks for what a model would say to\n${lines.join('\n')}\n\`answer WORDS\`, \`decline\` or \`cancel\``,
      (text) => (text === '' ? undefined : { text }),
    );
    if (answer.action !== 'accept') throw new Error('The person declined to answer.');
    return {
      role: 'assistant',
      model: 'a person',
      content: { type: 'text', text: textOf(answer.content['text'] ?? '') },
    };
  }

  /** Until `quit` or the end of the input. */
  async run(lines: AsyncIterable<string>): Promise<void> {
    let running: Promise<void> = Promise.resolve();
    for await (const line of lines) {
      const words = line.trim();
      if (words === 'quit' || words === 'exit') break;
      if (this.#question === undefined) {
        await running;
        running = this.#act(words);
      } else this.#reply(words);
      if (this.#question !== undefined) continue;
      const asked = new Promise<void>((resolve) => (this.#onQuestion = resolve));
      // A call may wait for an answer, which is a line of its own.
      await Promise.race([running, asked]);
    }
    this.#isOver = true;
    this.#question?.settle({ action: 'cancel' });
    await running;
  }

  #ask(text: string, read: ReadAnswer): Promise<Answer> {
    if (this.#isOver) return Promise.resolve({ action: 'cancel' });
    if (this.#question !== undefined) return Promise.resolve({ action: 'decline' });
    note(this.#options.context, text);
    return new Promise((resolve) => {
      const settle = (answer: Answer): void => {
        this.#question = undefined;
        resolve(answer);
      };
      this.#question = { read, settle };
      this.#onQuestion();
    });
  }

  #reply(line: string): void {
    const { context } = this.#options;
    const [, word = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(line) ?? [];
    if (word === 'decline' || word === 'cancel') return this.#question?.settle({ action: word });
    const content = word === 'answer' ? this.#question?.read(rest) : undefined;
    if (content === undefined) return note(context, 'the server waits: `answer …` as it asks, `decline` or `cancel`');
    this.#question?.settle({ action: 'accept', content });
  }

  async #act(line: string): Promise<void> {
    const { context, client, restart } = this.#options;
    const [, word = '', name = '', rest = ''] = /^(\S*)\s*(\S*)\s*(.*)$/s.exec(line) ?? [];
    if (word === '') return;
    if (word === 'restart') return await restart();
    const verb = DEV_VERBS.get(word);
    if (verb === undefined)
      return note(context, word === 'help' ? HELP : `\`${oneLine(word)}\` is none of these:\n${HELP}`);
    const server = client();
    if (server === undefined) return note(context, 'no server is up: save a file, or `restart`');
    try {
      await verb(context, server, name, rest);
    } catch (error) {
      note(context, oneLine(error instanceof Error ? error.message : String(error)));
    }
  }
}

function contentOf(text: string): JsonObject | undefined {
  if (text === '') return {};
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Of a message of sampling: its texts, and of what is none its kind. */
function spoken(content: unknown): string {
  const pieces: readonly unknown[] = Array.isArray(content) ? content : [content];
  const words = pieces.map((piece) => {
    const { text, type } = isObject(piece) ? piece : {};
    return typeof text === 'string' ? text : `[${textOf(type ?? null)}]`;
  });
  return words.join(' ');
}
