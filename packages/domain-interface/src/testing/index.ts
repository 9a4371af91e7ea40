export { createFakeHost, type FakeDomain, type FakeHost } from "./fake-domain.ts";
