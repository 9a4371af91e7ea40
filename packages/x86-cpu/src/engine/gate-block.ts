import {
  type Asid,
  type LinearAddress,
  type MachineAddress,
  toAsid,
  toLinearAddress,
  toMachineAddress,
} from "@xenolith/machine-interface";
import type { ExceptionHandler, IdentityAnswers, TransitionGates } from "@xenolith/x86-architecture";
import type { CpuidTables } from "../state/cpuid-tables.ts";
import { GATES, HANDLER_COUNT, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/** The transition gates of a VCPU, in its state block. */
export class GateBlock implements TransitionGates {
  readonly #state: VcpuState;
  readonly #identities: CpuidTables;

  /** @param identities - the tables of CPUID's answers, of which it takes one when it is told answers */
  constructor(state: VcpuState, identities: CpuidTables) {
    this.#state = state;
    this.#identities = identities;
  }

  #word(field: number): number {
    return this.#state.u32(STATE.gates + field);
  }

  #setWord(field: number, value: number): void {
    this.#state.setU32(STATE.gates + field, value);
  }

  #address(field: number): LinearAddress {
    return toLinearAddress(this.#state.address(STATE.gates + field));
  }

  #setAddress(field: number, value: number): void {
    this.#state.setAddress(STATE.gates + field, value);
  }

  #space(field: number): Asid | 0 {
    const space = this.#word(field);
    return space === 0 ? 0 : toAsid(space);
  }

  get isOpen(): boolean {
    return this.#word(GATES.isOpen) !== 0;
  }

  set isOpen(value: boolean) {
    this.#setWord(GATES.isOpen, value ? 1 : 0);
  }

  get eventPending(): MachineAddress {
    return toMachineAddress(this.#word(GATES.eventPending));
  }

  set eventPending(value: MachineAddress) {
    this.#setWord(GATES.eventPending, value);
  }

  get eventMask(): MachineAddress {
    return toMachineAddress(this.#word(GATES.eventMask));
  }

  set eventMask(value: MachineAddress) {
    this.#setWord(GATES.eventMask, value);
  }

  get answeredCall(): number {
    return this.#word(GATES.answeredCall);
  }

  set answeredCall(value: number) {
    this.#setWord(GATES.answeredCall, value);
  }

  get answeredArgument(): number {
    return this.#word(GATES.answeredArgument);
  }

  set answeredArgument(value: number) {
    this.#setWord(GATES.answeredArgument, value);
  }

  get answer(): number {
    return this.#word(GATES.answer);
  }

  set answer(value: number) {
    this.#setWord(GATES.answer, value);
  }

  get callVector(): number {
    return this.#word(GATES.callVector);
  }

  set callVector(value: number) {
    this.#setWord(GATES.callVector, value);
  }

  get returnCall(): number {
    return this.#word(GATES.returnCall);
  }

  set returnCall(value: number) {
    this.#setWord(GATES.returnCall, value);
  }

  get entry(): LinearAddress {
    return this.#address(GATES.entry);
  }

  set entry(value: LinearAddress) {
    this.#setAddress(GATES.entry, value);
  }

  get entryMasksEvents(): boolean {
    return this.#word(GATES.entryMasksEvents) !== 0;
  }

  set entryMasksEvents(value: boolean) {
    this.#setWord(GATES.entryMasksEvents, value ? 1 : 0);
  }

  get kernelStack(): LinearAddress {
    return this.#address(GATES.kernelStack);
  }

  set kernelStack(value: LinearAddress) {
    this.#setAddress(GATES.kernelStack, value);
  }

  get codeSelector(): number {
    return this.#word(GATES.codeSelector);
  }

  set codeSelector(value: number) {
    this.#setWord(GATES.codeSelector, value);
  }

  get stackSelector(): number {
    return this.#word(GATES.stackSelector);
  }

  set stackSelector(value: number) {
    this.#setWord(GATES.stackSelector, value);
  }

  get compatibleSelector(): number {
    return this.#word(GATES.compatibleSelector);
  }

  set compatibleSelector(value: number) {
    this.#setWord(GATES.compatibleSelector, value);
  }

  get reservedFirst(): LinearAddress {
    return this.#address(GATES.reservedFirst);
  }

  set reservedFirst(value: LinearAddress) {
    this.#setAddress(GATES.reservedFirst, value);
  }

  get reservedBytes(): number {
    return this.#address(GATES.reservedBytes);
  }

  set reservedBytes(value: number) {
    this.#setAddress(GATES.reservedBytes, value);
  }

  get kernelSpace(): Asid | 0 {
    return this.#space(GATES.kernelSpace);
  }

  set kernelSpace(value: Asid | 0) {
    this.#setWord(GATES.kernelSpace, value);
  }

  get userSpace(): Asid | 0 {
    return this.#space(GATES.userSpace);
  }

  set userSpace(value: Asid | 0) {
    this.#setWord(GATES.userSpace, value);
  }

  get isKernelSide(): boolean {
    return this.#word(GATES.side) !== 0;
  }

  set isKernelSide(value: boolean) {
    this.#setWord(GATES.side, value ? 1 : 0);
  }

  get otherBase(): LinearAddress {
    return this.#address(GATES.otherBase);
  }

  set otherBase(value: LinearAddress) {
    this.#setAddress(GATES.otherBase, value);
  }

  setHandler(vector: number, handler: ExceptionHandler | null): void {
    if (vector >= HANDLER_COUNT) return;
    const at = STATE.handlers + 8 * vector;
    this.#state.setAddress(at, handler?.address ?? 0);
    if (handler !== null && !this.#state.isLongMode) this.#state.setU32(at + 4, handler.codeSelector);
    const others = this.#word(GATES.handlerMasks) & ~(1 << vector);
    this.#setWord(GATES.handlerMasks, others | (handler?.masksEvents === true ? 1 << vector : 0));
  }

  get kernelStackSelector(): number {
    return this.#word(GATES.kernelStackSelector);
  }

  set kernelStackSelector(value: number) {
    this.#setWord(GATES.kernelStackSelector, value);
  }

  get stackCall(): number {
    return this.#word(GATES.stackCall);
  }

  set stackCall(value: number) {
    this.#setWord(GATES.stackCall, value);
  }

  get baseCall(): number {
    return this.#word(GATES.baseCall);
  }

  set baseCall(value: number) {
    this.#setWord(GATES.baseCall, value);
  }

  get taskCall(): number {
    return this.#word(GATES.taskCall);
  }

  set taskCall(value: number) {
    this.#setWord(GATES.taskCall, value);
  }

  get faultAddress(): MachineAddress {
    return toMachineAddress(this.#word(GATES.faultAddress));
  }

  set faultAddress(value: MachineAddress) {
    this.#setWord(GATES.faultAddress, value);
  }

  get faultCost(): number {
    return this.#word(GATES.faultCost);
  }

  set faultCost(value: number) {
    this.#setWord(GATES.faultCost, value);
  }

  get charged(): number {
    return this.#word(GATES.charged);
  }

  get hasAbsentPorts(): boolean {
    return this.#word(GATES.hasAbsentPorts) !== 0;
  }

  set hasAbsentPorts(value: boolean) {
    this.#setWord(GATES.hasAbsentPorts, value ? 1 : 0);
  }

  get emulationCost(): number {
    return this.#word(GATES.emulationCost);
  }

  set emulationCost(value: number) {
    this.#setWord(GATES.emulationCost, value);
  }

  setIdentities(answersOf: IdentityAnswers | null): void {
    this.#identities.release(this.#word(GATES.identities));
    this.#setWord(GATES.identities, answersOf === null ? 0 : this.#identities.take(answersOf));
  }

  get emulated(): number {
    return this.#word(GATES.emulated);
  }

  set emulated(value: number) {
    this.#setWord(GATES.emulated, value);
  }

  get updateCall(): number {
    return this.#word(GATES.updateCall);
  }

  set updateCall(value: number) {
    this.#setWord(GATES.updateCall, value);
  }

  get updateSubject(): number {
    return this.#word(GATES.updateSubject);
  }

  set updateSubject(value: number) {
    this.#setWord(GATES.updateSubject, value);
  }

  get updateCost(): number {
    return this.#word(GATES.updateCost);
  }

  set updateCost(value: number) {
    this.#setWord(GATES.updateCost, value);
  }

  get requestCost(): number {
    return this.#word(GATES.requestCost);
  }

  set requestCost(value: number) {
    this.#setWord(GATES.requestCost, value);
  }

  get flushCall(): number {
    return this.#word(GATES.flushCall);
  }

  set flushCall(value: number) {
    this.#setWord(GATES.flushCall, value);
  }

  get flushCommands(): number {
    return this.#word(GATES.flushCommands);
  }

  set flushCommands(value: number) {
    this.#setWord(GATES.flushCommands, value);
  }

  get callCost(): number {
    return this.#word(GATES.callCost);
  }

  set callCost(value: number) {
    this.#setWord(GATES.callCost, value);
  }

  get flushCost(): number {
    return this.#word(GATES.flushCost);
  }

  set flushCost(value: number) {
    this.#setWord(GATES.flushCost, value);
  }

  get frameRecords(): number {
    return this.#word(GATES.frameRecords);
  }

  set frameRecords(value: number) {
    this.#setWord(GATES.frameRecords, value);
  }

  get frameOwner(): number {
    return this.#word(GATES.frameOwner);
  }

  set frameOwner(value: number) {
    this.#setWord(GATES.frameOwner, value);
  }

  get tableRoot(): MachineAddress {
    return toMachineAddress(this.#state.u32(STATE.tableRoot));
  }

  set tableRoot(value: MachineAddress) {
    this.#state.setU32(STATE.tableRoot, value);
  }

  get mapCall(): number {
    return this.#state.u32(STATE.mapCall);
  }

  set mapCall(value: number) {
    this.#state.setU32(STATE.mapCall, value);
  }

  get listCall(): number {
    return this.#state.u32(STATE.listCall);
  }

  set listCall(value: number) {
    this.#state.setU32(STATE.listCall, value);
  }

  get listCost(): number {
    return this.#state.u32(STATE.listCost);
  }

  set listCost(value: number) {
    this.#state.setU32(STATE.listCost, value);
  }

  get changes(): number {
    return this.#word(GATES.changes);
  }

  /** Nothing has changed in the run that begins, and nothing is charged. */
  startRun(): void {
    this.#setWord(GATES.charged, 0);
    this.#setWord(GATES.changes, 0);
  }
}
