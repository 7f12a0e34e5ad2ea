// Lists the schedules of a registry and cancels those that run, with a client whose types come from the document alone:
//
//   QCS_URL=… QCS_USER=… QCS_PASSWORD=… node schedules.js <registryId>
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi.js";

type Schedule = components["schemas"]["Schedule"];

const pageSize = 3; // small, so that a few schedules already make several pages

const api = createClient<paths>({ baseUrl: setting("QCS_URL") });
api.use({
  async onResponse({ request, response }) {
    if (!response.ok) throw new Error(`${request.method} ${request.url}: ${response.status} ${await response.clone().text()}`);
  },
});

const registryId = process.argv[2];
if (!registryId) throw new Error("name a registry");

const { data: token } = await api.POST("/auth", {
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  body: { username: setting("QCS_USER"), password: setting("QCS_PASSWORD"), token: "true" },
  parseAs: "text", // the bare token, not JSON
});
api.use({ onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${token}`) });

let listed = 0;
let running = 0;
for await (const schedule of schedules(registryId)) {
  listed++;
  if (schedule.status === "Running") running++;
}
const { data: job } = await api.POST("/csapi/v1.3/registry/{registryId}/schedule/cancel", {
  params: { path: { registryId }, query: { filter: "status:Running" } },
});
console.log(JSON.stringify({ listed, running, job: job?.CancelJobId }));

/** Goes through all schedules of a registry, page by page. */
async function* schedules(registryId: string): AsyncGenerator<Schedule> {
  for (let pageNumber = 1; ; pageNumber++) {
    const { data: page } = await api.GET("/csapi/v1.3/registry/{registryId}/schedule", {
      params: { path: { registryId }, query: { pageNumber, pageSize } },
    });
    if (!page) return; // 204: nothing matches
    yield* page.data;
    if (page.data.length < pageSize) return;
  }
}

/** Reads a setting that must be there from the environment. */
function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
