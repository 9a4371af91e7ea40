export * from "./assemble.ts";
export * from "./assemble-64.ts";
export { createTestGuest, page, type TestGuest, type TestGuestOptions } from "./guest.ts";
export { createTestMachine, type TestMachine, type TestMachineOptions } from "./machine.ts";
export { toUser, type UserEntry } from "./to-user.ts";
export { type Trap, trapTable } from "./trap-table.ts";
