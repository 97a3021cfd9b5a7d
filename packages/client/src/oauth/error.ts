/** What goes wrong between this client and an authorization server. */

/**
 * `unavailable`: it may work later. `refused`: somebody said no, or an answer is not to be trusted. `unusable`: what is
 * configured and what the server says of itself do not fit.
 */
export type AuthorizationProblem = 'unavailable' | 'refused' | 'unusable';

/** The message is for the operator: it names URLs and codes of errors, and holds no text of the other side and no secret. */
export class AuthorizationError extends Error {
  readonly problem: AuthorizationProblem;

  constructor(problem: AuthorizationProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AuthorizationError';
    this.problem = problem;
  }
}
