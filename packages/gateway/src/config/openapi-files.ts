/**
 * The documents that `openapi` of servers names: found beside the configuration, and told by their hash. A document that is a
 * URL was fetched once, by a verb, and its copy is what counts. What stands in a document is not looked at here.
 */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Draft } from './check-text.ts';
import type { ConfigEntry } from './schema.ts';
import { isDocumentUrl } from './servers.ts';
import { locate } from './source.ts';
import type { Problem } from './types.ts';

/** Bytes of a document. The largest that are published have some 12 MiB. */
export const maxDocumentBytes = 16_777_216;

export type DocumentFiles = {
  readonly read: (path: string, maxBytes: number) => Promise<Uint8Array>;
  readonly checkTrusted: (path: string) => Promise<{ readonly realPath: string }>;
};

/** As it was found. */
export type FoundDocument = { readonly path: string; readonly hash: string };

export type Documents = {
  /** By the names of servers. */
  readonly found: ReadonlyMap<string, FoundDocument>;
  readonly problems: readonly Problem[];
};

/** Where the copy of a document is that was fetched; `server` is the name of a server. */
export function copyPath(directory: string, server: string): string {
  return join(directory, `${server}.openapi.json`);
}

export function documentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function readDocuments(
  draft: Draft,
  entry: ConfigEntry | undefined,
  directory: string,
  files: DocumentFiles,
): Promise<Documents> {
  const found = new Map<string, FoundDocument>();
  const problems: Problem[] = [];
  for (const [name, { openapi }] of Object.entries(entry?.mcpServers ?? {})) {
    if (openapi === undefined) continue;
    const { document, sha256 } = openapi;
    const isCopy = isDocumentUrl(document);
    const path = isCopy ? copyPath(directory, name) : resolve(directory, document);
    const outcome = await hashOf(path, files);
    const problem = problemOf(outcome, { path, name, sha256, isCopy });
    if (problem === undefined) found.set(name, { path, hash: (outcome as { readonly hash: string }).hash });
    else {
      const at = ['mcpServers', name, 'openapi'];
      const position = locate(draft.source, at);
      problems.push({ file: draft.file, ...(position !== undefined && { position }), path: at, message: problem });
    }
  }
  return { found, problems };
}

type Outcome = { readonly hash: string } | { readonly error: string };

async function hashOf(path: string, files: DocumentFiles): Promise<Outcome> {
  try {
    const { realPath } = await files.checkTrusted(path);
    return { hash: documentHash(await files.read(realPath, maxDocumentBytes)) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

type Wanted = {
  readonly path: string;
  readonly name: string;
  readonly sha256: string | undefined;
  readonly isCopy: boolean;
};

function problemOf(outcome: Outcome, { isCopy, name, path, sha256 }: Wanted): string | undefined {
  const anew = isCopy ? `\`sallyport refresh ${name}\` fetches it` : `\`sallyport refresh ${name}\` takes it as it is`;
  if ('error' in outcome) {
    return isCopy
      ? `its copy cannot be read (${outcome.error}): ${anew} and keeps it`
      : `the document cannot be read: ${outcome.error}`;
  }
  if (sha256 === outcome.hash) return undefined;
  if (sha256 !== undefined) return `${path} is not what \`sha256\` says: somebody changed it. ${anew}`;
  return isCopy ? `\`sha256\` is missing: nobody has said which document it must be. ${anew} and writes it` : undefined;
}
