/**
 * OpenAPI documents as `add` and `refresh` take them: from a file as it is, from a URL once, as JSON whose hash the configuration
 * keeps. What is in a document goes out on stderr for people alone, and drives no terminal.
 */
import { resolve } from 'node:path';
import { documentHash, maxDocumentBytes } from '../config/openapi-files.ts';
import type { DetailedConfig } from '../config/load.ts';
import { isDocumentUrl } from '../config/servers.ts';
import type { Problem } from '../config/types.ts';
import { readDocument, targetProblems, type ApiDocument, type Scheme, type Survey } from '../openapi/index.ts';
import { createOutbound } from '../wiring/outbound.ts';
import { note } from './output.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

const FETCH_TIMEOUT_MS = 60_000;
/** Of what cannot be a tool, so much is said. */
const MAX_SAID = 20;

export interface Taken {
  readonly document: ApiDocument;
  /** Of a URL: what is kept. */
  readonly copy?: string;
  /** Of the copy, or of the file. */
  readonly hash: string;
}

/** Throws a `CliError` that says what is wrong with the document. */
export async function takeDocument(context: CliContext, where: string): Promise<Taken> {
  const bytes = isDocumentUrl(where) ? await fetched(context, where) : await read(context, where);
  try {
    const document = readDocument(bytes);
    if (!isDocumentUrl(where)) return { document, hash: documentHash(bytes) };
    const copy = `${JSON.stringify(document.root)}\n`;
    return { document, copy, hash: documentHash(Buffer.from(copy)) };
  } catch (error) {
    throw failed(where, error);
  }
}

async function read({ cwd, files }: CliContext, file: string): Promise<Uint8Array> {
  const path = resolve(cwd, file);
  try {
    const { realPath } = await files.checkTrusted(path);
    return await files.read(realPath, maxDocumentBytes);
  } catch (error) {
    throw failed(file, error);
  }
}

/** A redirect is not followed: whoever gives the address says where the document is. */
async function fetched({ env }: CliContext, url: string): Promise<Uint8Array> {
  try {
    const headers = { accept: 'application/json, application/yaml;q=0.9, */*;q=0.5' };
    const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
    const response = await createOutbound(env)(url, { headers, signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`it answered ${response.status}`);
    }
    return await bytesOf(response);
  } catch (error) {
    throw failed(url, error);
  }
}

async function bytesOf({ body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > maxDocumentBytes) throw new Error(`it is longer than ${maxDocumentBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function failed(where: string, error: unknown): CliError {
  const reason = error instanceof Error ? error.message : String(error);
  const code =
    isDocumentUrl(where) && (error as Error).name !== 'DocumentError' ? exitCodes.unreachable : exitCodes.failed;
  return new CliError(`${oneLine(where.replace(/\?.*/s, '?…'))}: ${oneLine(reason)}`, code);
}

/** What is wrong with the documents of a configuration. */
export async function checkDocuments(
  { files }: CliContext,
  { config, path: file, positionOf }: Pick<DetailedConfig, 'config' | 'path' | 'positionOf'>,
): Promise<{ readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const { name, target } of config.servers) {
    if (target.kind !== 'openapi') continue;
    const path = ['mcpServers', name, 'openapi'];
    const position = positionOf(path);
    const at = (message: string): Problem => ({ file, path, message, ...(position !== undefined && { position }) });
    const found = targetProblems(await files.read(target.document, maxDocumentBytes), name, target);
    if (found.problem !== undefined) problems.push(at(found.problem));
    warnings.push(...found.warnings.map(at));
  }
  return { problems, warnings };
}

/** Puts a copy where the configuration finds it. */
export async function keepCopy({ files }: CliContext, path: string, text: string): Promise<void> {
  if (await files.exists(path)) await files.replace(path, text);
  else await files.create(path, text);
}

/** What became of it, and what its user has to know before the first call. */
export function tell(context: CliContext, name: string, { needs, origins, refused }: Survey, isWritten: boolean): void {
  if (origins.length > 0) {
    const outside = isWritten ? '' : ', as the document says: only on the public net, else write --server URL';
    note(context, `calls go to ${origins.map(oneLine).join(', ')}${outside}`);
  }
  for (const { key, reason } of refused.slice(0, MAX_SAID))
    note(context, `no tool: ${oneLine(key)}: ${oneLine(reason)}`);
  if (refused.length > MAX_SAID) note(context, `no tool: ${refused.length - MAX_SAID} more`);
  for (const [scheme, how] of needs) {
    const key = /^[\w-]+$/.test(scheme) ? scheme : JSON.stringify(oneLine(scheme));
    const told = `it needs a credential: sallyport secret set NAME, and in \`openapi\` of ${name}:`;
    note(context, `${told}\n  auth: { ${key}: { ${credentialText(how)} } }`);
  }
}

function credentialText(scheme: Scheme): string {
  const secret = '"${secret:NAME}"';
  if (scheme.kind === 'oauth2' && scheme.tokenUrl !== undefined) return `clientId: …, clientSecret: ${secret}`;
  const isBasic = scheme.kind === 'http' && scheme.scheme.toLowerCase() === 'basic';
  return isBasic ? `username: …, password: ${secret}` : `value: ${secret}`;
}
