/** The schema of `discovery`, of the root and of views: how tools are shown to clients. What a mode shows is in docs/DISCOVERY.md. */
import * as v from 'valibot';
import { duration, integer, oneOf, text, texts } from './scalars.ts';
import { maybe, object, present, preset } from './schema-parts.ts';
import { httpUrlOf, isSecureUrl } from './schema-values.ts';
import type { DiscoveryConfig, EmbeddingsConfig } from './types.ts';

/** A head of less tells nothing beside what is said of it. */
const LEAST_RESULT = 500;

const mode = oneOf('auto', 'full', 'groups', 'search', 'code');

const embeddings = v.pipe(
  object({
    url: v.pipe(
      text(),
      v.check(
        (value) => httpUrlOf(value) !== undefined,
        'expected an http or https URL without credentials and fragment',
      ),
      v.description('The whole of it: https://api.openai.com/v1/embeddings, http://localhost:11434/api/embed.'),
    ),
    model: text(),
    key: maybe(text(), 'Sent as a bearer token.'),
    dimensions: maybe(integer(1, 8192), 'Of a vector, for models that can choose.'),
    timeout: preset(duration(1), '2s', 'For one question; then words alone count.'),
  }),
  v.check(
    ({ key, url }) => key === undefined || isSecureUrl(new URL(url)),
    'expected an https URL where a `key` is sent (http only on loopback)',
  ),
  v.transform(({ timeout, ...rest }): EmbeddingsConfig => present({ ...rest, timeoutMs: timeout })),
);

const written = v.pipe(
  v.union([
    mode,
    object({
      mode: maybe(mode, 'auto = full while the tools cost less than the budget, else search.'),
      budget: maybe(integer(0), 'Tokens the full catalogue may cost in mode auto; 10000 unless told.'),
      always: maybe(texts('a list of globs'), 'Globs over tools as server__tool that are shown in every mode.'),
      embeddings: maybe(embeddings, 'An endpoint that ranks by meaning: texts of tools and questions are sent to it.'),
      resultBudget: maybe(
        v.pipe(
          integer(0),
          v.check((tokens) => tokens === 0 || tokens >= LEAST_RESULT, `expected 0, or ${LEAST_RESULT} tokens or more`),
        ),
        'Tokens a result may cost; of one that costs more the head is given, and the rest piece by piece. 0 or absent = any.',
      ),
    }),
  ]),
  v.transform((value): Partial<DiscoveryConfig> => {
    if (typeof value === 'string') return { mode: value };
    const { always, budget, embeddings: ranking, mode: named, resultBudget } = value;
    return present({ mode: named, budget, always, embeddings: ranking, resultBudget });
  }),
);

/** Of the root. */
export const discoverySchema: v.GenericSchema<unknown, DiscoveryConfig> = preset(
  v.pipe(
    written,
    v.transform((value): DiscoveryConfig => ({ mode: 'auto', budget: 10_000, always: [], ...value })),
  ),
  {},
  'How tools are shown to clients.',
);

/** Of a view: what it does not say is as at the root. */
export const viewDiscoverySchema: v.OptionalSchema<
  v.GenericSchema<unknown, Partial<DiscoveryConfig>>,
  undefined
> = maybe(written, 'How tools are shown in this view.');
