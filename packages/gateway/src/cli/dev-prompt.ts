/** The prompt of `sallyport dev`: lines in, calls of the server out. What the server asks meanwhile is answered by lines too. */
import type { Client, FormAnswer, FormRequest, UrlAnswer, UrlRequest } from '@sallyport/client';
import type { JsonObject } from '@sallyport/wire';
import type { CliContext } from './context.ts';
import { DEV_VERBS } from './dev-verbs.ts';
import { note } from './output.ts';
import { oneLine } from './text.ts';
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

type Answer = FormAnswer | UrlAnswer;

export class DevPrompt {
  readonly #options: DevPromptOptions;
  #question: ((answer: Answer) => void) | undefined;
  #onQuestion: () => void = () => undefined;
  #isOver = false;

  constructor(options: DevPromptOptions) {
    this.#options = options;
  }

  /** Handlers of what the server asks. One question at a time: a second one is declined. */
  async form({ message, problems, requestedSchema }: FormRequest): Promise<FormAnswer> {
    const wrong = problems.map((problem) => `\n  not so: ${problem.message}`).join('');
    const text = `the server asks: ${oneLine(message)}${wrong}\n${shapeText(requestedSchema)}\n`;
    return (await this.#ask(`${text}\`answer {…}\`, \`decline\` or \`cancel\``)) as FormAnswer;
  }

  async url({ message, url }: UrlRequest): Promise<UrlAnswer> {
    const answer = await this.#ask(
      `the server asks: ${oneLine(message)}\n  it wants you to open ${oneLine(url)}\n\`answer\` when you have, \`decline\` or \`cancel\``,
    );
    return { action: answer.action };
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
    this.#question?.({ action: 'cancel' });
    await running;
  }

  #ask(text: string): Promise<Answer> {
    if (this.#isOver) return Promise.resolve({ action: 'cancel' });
    if (this.#question !== undefined) return Promise.resolve({ action: 'decline' });
    note(this.#options.context, text);
    return new Promise((resolve) => {
      this.#question = (answer) => {
        this.#question = undefined;
        resolve(answer);
      };
      this.#onQuestion();
    });
  }

  #reply(line: string): void {
    const { context } = this.#options;
    const [, word = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(line) ?? [];
    if (word === 'decline' || word === 'cancel') return this.#question?.({ action: word });
    const content = word === 'answer' ? contentOf(rest) : undefined;
    if (content === undefined) return note(context, 'the server waits: `answer {…}` with JSON, `decline` or `cancel`');
    this.#question?.({ action: 'accept', content } as Answer);
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
