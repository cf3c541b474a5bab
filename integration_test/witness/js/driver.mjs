// Pages of a Node server that call the vendor's server SDK, each as the SDK's
// README says. The first line of stdout is the address; the server ends with
// its stdin. What a request needs to be set up comes in the header Witness.
//
// Pages under /node/ hand Node's own request and response to the SDK, the
// others Fetch's Request and Response.
import http from "node:http";
import { createCrossmint, CrossmintAuth } from "@crossmint/server-sdk";

// Calls under way, those included for which no page waits.
let underWay = 0;
const { fetch } = globalThis;
globalThis.fetch = async (...call) => {
  underWay++;
  try {
    return await fetch(...call);
  } finally {
    underWay--;
  }
};

const turn = () => new Promise((resolve) => setTimeout(resolve, 2));

// settled waits until nothing goes on in the background. A promise that was
// rejected there without a handler has ended the process by then.
async function settled() {
  do {
    await turn();
    await turn();
  } while (underWay > 0);
}

// unauthorized is the body of a page when the SDK throws.
const unauthorized = (error) => ({ error: "Unauthorized", message: error.message });

const json = (status, value, headers = new Headers()) => {
  headers.set("Content-Type", "application/json");
  return new Response(JSON.stringify(value), { status, headers });
};

// called converts the result of a call without a response into a response.
async function called(call, refused) {
  try {
    return json(200, await call());
  } catch {
    return new Response(null, { status: refused });
  }
}

// theme is a cookie of the page's own.
const theme = "theme=dark";

const pages = {
  async session(auth, request, setup) {
    const response = new Response(null, setup.theme ? { headers: { "Set-Cookie": theme } } : {});
    try {
      return json(200, await auth.getSession(request, response), response.headers);
    } catch (error) {
      return json(401, unauthorized(error), response.headers);
    }
  },
  refresh: (auth, request) => auth.handleCustomRefresh(request),
  logout: (auth, request) => auth.logout(request),
  material: (auth, request) => called(async () => auth.getSession(await request.json()), 401),
  verify: (auth, request) =>
    called(async () => {
      const { token, keys } = await request.json();
      return auth.verifyCrossmintJwt(token, keys);
    }, 401),
  user: (auth, request) => called(async () => auth.getUser((await request.json()).id), 500),
  "jwks-uri": async (auth) => json(200, { uri: auth.getJwksUri() }),
  async store(auth, request) {
    const response = new Response();
    auth.storeAuthMaterial(response, await request.json());
    return response;
  },
};

const nodePages = {
  async session(auth, request, response, setup) {
    if (setup.theme) response.setHeader("Set-Cookie", theme);
    let status = 200;
    let page;
    try {
      page = await auth.getSession(request, response);
    } catch (error) {
      [status, page] = [401, unauthorized(error)];
    }
    response.statusCode = status;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(page));
  },
  async refresh(auth, request, response) {
    await auth.handleCustomRefresh(request, response);
    response.end();
  },
  async logout(auth, request, response) {
    await auth.logout(request, response);
    response.end();
  },
};

async function toFetch(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  return new Request(`http://${request.headers.host}${request.url}`, { method: request.method, headers: request.headers, body });
}

async function fromFetch(fetched, response) {
  response.statusCode = fetched.status;
  for (const [name, value] of fetched.headers) {
    if (name !== "set-cookie") response.setHeader(name, value);
  }
  const cookies = fetched.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader("Set-Cookie", cookies);
  response.end(Buffer.from(await fetched.arrayBuffer()));
}

// respond returns the response of a page: 400 with the SDK's message if the SDK
// rejects the setup, and 500 if the page throws.
async function respond(request, setup, page) {
  let auth;
  try {
    auth = CrossmintAuth.from(createCrossmint(setup.crossmint), setup.auth);
  } catch (error) {
    return json(400, { message: error.message });
  }
  const asked = await toFetch(request);
  try {
    return await page(auth, asked, setup);
  } catch {
    return new Response(null, { status: 500 });
  }
}

const server = http.createServer(async (request, response) => {
  if (request.url === "/settled") {
    await settled();
    response.end();
    return;
  }
  const setup = JSON.parse(request.headers.witness);
  const [, name, inner] = request.url.split("/");
  if (name === "node") {
    // Errors stay uncaught here, as on Node's own server.
    await nodePages[inner](CrossmintAuth.from(createCrossmint(setup.crossmint), setup.auth), request, response, setup);
    return;
  }
  await fromFetch(await respond(request, setup, pages[name]), response);
});
server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
