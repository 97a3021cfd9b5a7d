/**
 * Property tests begin from one seed, so that a run that fails, fails because of what was changed. `PROPERTY_SEED=random npm test`
 * looks for new cases, and prints the seed of what it finds.
 */
import { configureGlobal } from 'fast-check';

const asked = process.env['PROPERTY_SEED'] ?? '20261122';
if (asked !== 'random') {
  const seed = Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`PROPERTY_SEED is a whole number or "random", not ${asked}`);
  configureGlobal({ seed });
}
