import { createStreamPair } from "@xenolith/backend-interface";
import { XS_READ } from "@xenolith/xen-abi/io/xs-wire";
import { createStoreClient } from "@xenolith/xenbus";
import { createMessageReader, decodeStrings, encodeMessage } from "@xenolith/xenbus/wire";

// A store that knows one node. In a domain the stream is `domain.store`, and xenstored is at its other end.
const [near, far] = createStreamPair();
const reader = createMessageReader();
const nodes = new Map([["name", "guest"]]);
far.onActivity(() => {
  for (let request = reader.next(far); request !== null; request = reader.next(far)) {
    const [path = ""] = decodeStrings(request.payload);
    const value = request.type === XS_READ ? nodes.get(path) : undefined;
    far.write(encodeMessage({ ...request, payload: new TextEncoder().encode(value ?? "") }));
  }
});

const client = createStoreClient(near);
client.read("name", (result) => {
  console.log(result.ok ? `the domain is called ${result.value}` : result.error);
});
client.close();
