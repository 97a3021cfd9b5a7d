/** The master key is missing where it was promised, or is none. The message names the place, never the value. */
export class MasterKeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MasterKeyError';
  }
}
