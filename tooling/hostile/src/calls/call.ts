/** A register argument: of a 32-bit attacker the low 32 bits count. */
export type CallArgument = number | bigint;

/** One hypercall as the attacker makes it. What its arguments point to lies in the arena already. */
export interface Call {
  /** `__HYPERVISOR_*`, or any number. */
  readonly number: number;
  /** Up to five arguments; those not given are 0. */
  readonly arguments: readonly CallArgument[];
  /** Stack pointer during the call, where it is not the attacker's own: iret takes its frame from there. */
  readonly stackPointer?: number;
  /** What came of it, where EAX does not say it all: see {@link outcomeOf}. */
  readonly outcome?: (result: number) => string;
  /** Keeps what the attacker now knows. */
  readonly after?: (result: number) => void;
}

/** Calls to be made one after the other: preparations, and last the one that counts. null: not possible just now. */
export type Plan = Call | readonly Call[] | null;

/** One way to fail. */
export interface ErrorCase<World> {
  /** Which rule of the interface says so. */
  readonly because: string;
  /** Makes a call that should fail so. */
  readonly plan: (world: World) => Plan;
  /** Takes so much away from the attacker that it is tried seldom once it has been seen. */
  readonly rare?: true;
}

/** A sub-operation of the interface with everything it may answer to an unprivileged domain. */
export interface Operation<World> {
  readonly name: string;
  /** Makes a call that should succeed, or says why there can be none. */
  readonly succeeds: ((world: World) => Plan) | string;
  /** By outcome: the name of an errno, or of a grant status. No other answer is allowed. */
  readonly errors: Readonly<Record<string, ErrorCase<World>>>;
  /** It makes the hypervisor write to an address later: changed at random, it would change the arguments of other calls. */
  readonly writesLater?: true;
  /** Its success is the end of the domain. */
  readonly endsDomain?: true;
}

/** Outcome of a call that did what it was asked to. */
export const SUCCESS = "ok";
