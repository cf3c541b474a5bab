// A Node server of the comparison: "bare", or "sdk" with the vendor's server SDK.
// The first line of stdin has the settings, the first line of stdout the address.
// For each later line of stdin the server writes its CPU time in microseconds. It
// ends with stdin.
import http from "node:http";
import readline from "node:readline";

const unauthorized = 401;

function respond(response, status, body) {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(body);
}

// The SDK checks signature and expiry but not the audience. The page does, because
// all other contenders reject tokens of other projects.
function audience(jwt) {
  return JSON.parse(Buffer.from(jwt.split(".")[1], "base64url").toString()).aud;
}

const handlers = {
  bare: async (settings) => (request, response) => respond(response, 200, settings.UserID),

  // Like the SDK's README: one CrossmintAuth, and getSession(request).
  sdk: async (settings) => {
    const { createCrossmint, CrossmintAuth } = await import("@crossmint/server-sdk");
    const auth = CrossmintAuth.from(createCrossmint({ apiKey: settings.VendorKey, overrideBaseUrl: settings.URL }));
    return async (request, response) => {
      try {
        const { jwt, userId } = await auth.getSession(request);
        if (audience(jwt) !== settings.Audience) throw new Error("a token of another project");
        respond(response, 200, userId);
      } catch {
        respond(response, unauthorized, "");
      }
    };
  },
};

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);
const server = http.createServer(await handlers[process.argv[2]](settings));
server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
for await (const _ of lines) {
  const used = process.cpuUsage();
  console.log(String(used.user + used.system));
}
process.exit(0);
