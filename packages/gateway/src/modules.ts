/**
 * The bill of materials: every room of the gateway, provisioned from the configuration and given as functions what it
 * needs of the others. Nothing is started here.
 */

import { randomBytes } from 'node:crypto';
import type { Leg } from '@sallyport/client';
import { principalKey, type Principal, type Served, type Session, type Visitor } from '@sallyport/server';
import { Drain, type Admission } from './admission/index.ts';
import { createBridge, type Bridge } from './bridge/index.ts';
import { createChildren, type Children } from './children.ts';
import { resultText } from './bridge/result-text.ts';
import { logIdOf, type Audience, type Call, type Instance } from './call.ts';
import { CatalogRoom, type CatalogView, type ListKind } from './catalog/index.ts';
import { catalogOptions } from './catalog-options.ts';
import { announced } from './catalog/snapshot.ts';
import { sourceOf } from './catalog/source.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { sealing } from './credentials/index.ts';
import { describeError, type LogFailure } from './errors.ts';
import { instanceFor, principalInstance } from './isolation/index.ts';
import type { Projects } from './isolation/project.ts';
import type { ProgramStatus } from './installs/index.ts';
import { createLoginActs } from './logins/acts.ts';
import { createAnnouncements, type Announcements } from './logins/announcements.ts';
import { followLogins } from './login-news.ts';
import { LOCAL } from './local.ts';
import { createPipeline } from './pipeline.ts';
import { createExplain, type Explain, type Policy } from './policy/index.ts';
import type { RoomOptions, Rooms } from './rooms.ts';
import { createServed } from './served.ts';
import type { SandboxStatus } from './sandbox/index.ts';
import { catalogSetup, enabledServers, loginServers, upstreamServer } from './servers.ts';
import { createProjects, createSteps, openAdmission, setTimer, type StepParts } from './steps.ts';
import { SubscriptionsRoom, type SubscriptionsOptions } from './subscriptions/index.ts';
import { createAnnotationsOf, TaskRoom, type TasksOptions } from './tasks/index.ts';
import { listsTasks, listTasks } from './tasks/list.ts';
import { callFacts, createMeasure, type Measure } from './telemetry/measure.ts';
import { ask, unasked } from './upstream/cause.ts';
import { ownerOf, upstreamOptions } from './upstream-options.ts';
import { UpstreamRoom } from './upstream/index.ts';
import { metaText } from './upstream/request-text.ts';
import { statusFor } from './upstream/send.ts';

export function createRooms(options: RoomOptions): Rooms {
  return new Assembly(options);
}

/** The rooms, each made of what it is given of the others. They reach each other only when all of them stand. */
class Assembly implements Rooms {
  readonly upstreams: UpstreamRoom;
  readonly catalog: CatalogRoom;
  readonly served: Served;
  readonly #options: RoomOptions;
  #config: Config;
  /** Enabled ones, in configuration order. */
  #servers: readonly ServerConfig[];
  readonly #sessions: Set<Session> = new Set();
  readonly #drain: Drain = new Drain();
  readonly #admission: Admission;
  #policy: Policy;
  readonly #subscriptions: SubscriptionsRoom;
  readonly #tasks: TaskRoom;
  readonly #projects: Projects;
  readonly #bridge: Bridge;
  readonly #announcements: Announcements;
  readonly #children: Children;
  readonly #usePersonal: () => void;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#policy = options.policy;
    this.#servers = enabledServers(options.config);
    this.#children = createChildren(options, () => this.#config.strict);
    this.upstreams = new UpstreamRoom(
      upstreamOptions({
        options,
        children: this.#children,
        servers: this.#servers.map(upstreamServer),
        upstreams: () => this.upstreams,
        subscriptions: () => this.#subscriptions,
        tasks: () => this.#tasks,
        refresh: (server, kinds, instance) => this.#refresh(server, kinds, instance),
      }),
    );
    this.catalog = new CatalogRoom(
      catalogOptions({
        options,
        upstreams: this.upstreams,
        subscriptions: () => this.#subscriptions,
        deadlineMs: () => this.#config.limits.listDeadlineMs,
      }),
    );
    this.#admission = openAdmission(options, () => this.#config.limits, this.upstreams);
    this.#subscriptions = new SubscriptionsRoom(this.#subscriptionOptions());
    this.#tasks = new TaskRoom(this.#taskOptions());
    this.#projects = createProjects(options);
    this.#bridge = this.#createBridge();
    this.#announcements = createAnnouncements({ randomId, now: options.now });
    this.#usePersonal = followLogins({
      options,
      announcements: this.#announcements,
      catalog: this.catalog,
      upstreams: this.upstreams,
      servers: () => this.#servers.map(({ name }) => name),
      refresh: (server, kinds, instance) => this.#refresh(server, kinds, instance),
    });
    this.served = createServed({
      options,
      pipeline: createPipeline(createSteps(this.#stepParts()), this.#logFailure, this.#measure, options.audit),
      admission: this.#admission,
      announcements: this.#announcements,
      subscriptions: this.#subscriptions,
      tasks: this.#tasks,
      upstreams: this.upstreams,
      policy: () => this.#policy,
      catalog: this.catalog,
      projects: this.#projects,
      sessions: this.#sessions,
      levelChanged: this.#levelChanged,
      audienceOf: (visitor) => this.#audienceOf(visitor),
      viewOf: (visitor) => this.#viewOf(visitor),
    });
  }

  get sessions(): Iterable<Session> {
    return this.#sessions;
  }

  sandbox(server: string): SandboxStatus | undefined {
    return this.#options.sandboxes.status(server);
  }

  program(server: string): ProgramStatus {
    return this.#children.program(server);
  }

  blocked(server: string): readonly string[] {
    return this.#options.egress.notes(server);
  }

  get parkedCalls(): number {
    return this.#bridge.parked;
  }

  get config(): Config {
    return this.#config;
  }

  pinNotes(): readonly string[] {
    return this.#options.pins.notes();
  }

  auditNotes(): readonly string[] {
    return this.#options.audit.notes();
  }

  place(path: string, query: string, principal: Principal): string | undefined {
    const audience = this.#ruled({ endpoint: path, principal });
    const placed = this.catalog.place(path, query, audience);
    return typeof placed === 'object' && 'name' in placed ? placed.name : undefined;
  }

  get explain(): Explain {
    const { now, rolesOfKey } = this.#options;
    return createExplain({
      policy: () => this.#policy,
      whole: (view, principal, ruled) => this.catalog.viewNamed(view, principal, ruled),
      rolesOfKey,
      now,
    });
  }

  get logins(): Rooms['logins'] {
    const { logins } = this.#options;
    const acts = createLoginActs({
      logins,
      user: LOCAL,
      servers: () => this.#servers.map(({ name }) => name),
      reach: (server, owner) => this.upstreams.leg(server, 'stateless', owner && instanceFor(owner)),
    });
    return { ...acts, waitsForUser: (server) => logins.waitsFor(server, LOCAL) };
  }

  replace(config: Config, policy: Policy): void {
    const servers = enabledServers(config);
    // It may throw: nothing has changed by then.
    const upstreams = servers.map(upstreamServer);
    const before = this.#subscriptions.standing();
    this.#policy = policy;
    this.#options.learnOwn(config);
    const { gone, removed } = this.catalog.replace(catalogSetup(config));
    this.#options.logins.replace(loginServers(config), config.egress.allow);
    this.upstreams.replace(upstreams, config.limits.drainMs);
    this.#config = config;
    this.#servers = servers;
    this.#usePersonal();
    this.#subscriptions.audiencesChanged(before);
    this.#subscriptions.serversRemoved(removed);
    for (const endpoint of gone) this.#subscriptions.endpointGone(endpoint);
  }

  drain(): Promise<void> {
    const idle = this.#drain.begin();
    this.#subscriptions.close();
    this.#bridge.close();
    return idle;
  }

  async close(): Promise<void> {
    this.#children.close();
    await Promise.all([this.upstreams.close(), this.#admission.close()]);
  }

  destroy(): void {
    this.#children.close();
    this.upstreams.destroy();
  }

  #subscriptionOptions(): SubscriptionsOptions {
    return {
      ownerOf: (uri, { audience, endpoint }) => this.catalog.view(endpoint, audience).ownerOf(uri),
      audienceOf: (visitor) => this.#audienceOf(visitor),
      changeBetween: (before, after) => {
        const [seen, sees] = [before, after].map((each) => this.catalog.view(each.endpoint, each.audience));
        const change = (sees as CatalogView).changeFrom(seen as CatalogView);
        return { kinds: announced(change.kinds), owners: change.owners };
      },
      supports: (server, { audience, endpoint }) =>
        this.catalog.view(endpoint, audience).can(server, 'resources', 'subscribe'),
      instanceOf: (server, owner) => (this.upstreams.personal(server) ? principalInstance(owner) : undefined),
      want: (server, uris, instance) => this.upstreams.want(server, uris, instance),
      info: this.#options.info,
      limits: () => this.#config.limits,
      setTimer,
    };
  }

  #taskOptions(): TasksOptions {
    const { handleKey, log } = this.#options;
    return {
      ...sealing(handleKey),
      textOf: resultText,
      servers: (visitor) => this.#viewOf(visitor).servers.filter((name) => listsTasks(this.#legsFor(name, visitor))),
      audienceOf: (visitor) => this.#audienceOf(visitor),
      annotationsOf: createAnnotationsOf(({ principal }) => this.catalog.everything(principal).catalog.tools),
      list: (server, visitor) => listTasks(this.#legsFor(server, visitor), this.#config.limits.listDeadlineMs),
      log,
    };
  }

  #stepParts(): StepParts {
    return {
      options: this.#options,
      limits: () => this.#config.limits,
      policy: () => this.#policy,
      drain: this.#drain,
      admission: this.#admission,
      upstreams: this.upstreams,
      subscriptions: this.#subscriptions,
      tasks: this.#tasks,
      projects: this.#projects,
      bridge: this.#bridge,
      announcements: this.#announcements,
      isUnlisted: (server, { principal }) =>
        this.upstreams.personal(server)
          ? !this.#options.logins.hasToken(server, principal)
          : this.catalog.snapshot(server) === undefined,
      view: (visitor) => this.#viewOf(visitor),
      viewNameOf: (endpoint) => this.catalog.viewNameOf(endpoint),
      levelChanged: this.#levelChanged,
      randomId,
    };
  }

  /** Undefined without a policy, and where nothing is anybody's own: everything may be seen then. */
  #audienceOf({ endpoint, principal }: Visitor): Audience | undefined {
    return this.catalog.audienceOf(endpoint, principal, this.#ruled({ endpoint, principal }));
  }

  /** Those that lists are asked of for somebody. */
  #legsFor(server: string, { principal }: Pick<Visitor, 'principal'>): readonly Leg[] {
    const isOwn = this.upstreams.personal(server);
    return this.upstreams.legs(
      server,
      isOwn ? principalInstance({ key: principalKey(principal), principal }) : undefined,
    );
  }

  /** What the policy says. */
  #ruled({ endpoint, principal }: Visitor): Audience | undefined {
    if (this.#config.policy === undefined) return undefined;
    return this.#policy.audienceOf(principal, this.catalog.viewNameOf(endpoint));
  }

  #viewOf(visitor: Visitor): CatalogView {
    return this.catalog.view(visitor.endpoint, this.#audienceOf(visitor));
  }

  #createBridge(): Bridge {
    const { now, stateKey } = this.#options;
    return createBridge({
      metaText,
      ask: ({ exchange }, method, params) => ask(exchange, method, params, this.#config.limits.humanMs),
      unasked,
      needLevel: (leg, level) => this.upstreams.needLevel(leg, level),
      statusFor: (answer) => statusFor(answer, 'stateless'),
      ...sealing(stateKey),
      requestStateMs: this.#config.limits.requestStateMs,
      randomId,
      now,
    });
  }

  readonly #levelChanged = (): void => this.upstreams.setLevels([...this.#sessions].map(({ logLevel }) => logLevel));

  get #measure(): Measure<Call> {
    const { log, metrics } = this.#options;
    return createMeasure({ metrics, log, logId: logIdOf, monotonic: () => performance.now() });
  }

  readonly #logFailure: LogFailure = (logId, call, error) => {
    const detail = { ...callFacts(call, logId), error: describeError(error) };
    this.#options.log(call.exchange.cancelled ? 'debug' : 'warn', 'a call failed', detail);
  };

  /** Lists of a personal server are its instance's owner's; of all others the gateway's own instance is asked. */
  #refresh(server: string, kinds: readonly ListKind[], instance?: Instance): void {
    const own = this.upstreams.personal(server) ? instance : undefined;
    const legs = this.upstreams.legs(server, own);
    if (legs.length === 0) return;
    const source = sourceOf(legs);
    if (own === undefined) void this.catalog.refresh(server, source, kinds);
    else void this.catalog.refreshFor(server, ownerOf(own), source, kinds);
  }
}

/** Nobody guesses it. */
function randomId(): string {
  return randomBytes(16).toString('base64url');
}
