export { createFakeStore, type FakeAnswer, type FakeStore } from "./fake-store.ts";
