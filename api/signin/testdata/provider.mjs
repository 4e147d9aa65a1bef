// A real OpenID provider (npm oidc-provider) with a few people, for the tests.
// MODULES is the folder with the package, ISSUER and REDIRECT are URLs. Whoever
// signs in says who she is in the form of its development pages.
import { pathToFileURL } from "node:url";

const { Provider } = await import(pathToFileURL(process.env.MODULES + "/node_modules/oidc-provider/lib/index.js"));

const people = {
  anna: { name: "Anna Rossi", groups: ["cardio-doctors", "choir"], dept: ["cardio"], emp: "a.rossi2", fhirUser: "Practitioner/anna" },
  nobody: { name: "No Body", groups: ["choir"], dept: [], emp: "nobody" },
  clash: { name: "Clash", groups: ["cardio-doctors"], dept: [], emp: "taken" },
};

const provider = new Provider(process.env.ISSUER, {
  clients: [{ client_id: "cairn", client_secret: "a secret of the test", redirect_uris: [process.env.REDIRECT], response_types: ["code"], grant_types: ["authorization_code"] }],
  claims: { openid: ["sub"], profile: ["name", "groups", "dept", "emp", "fhirUser"] },
  pkce: { required: () => true },
  cookies: { keys: ["a key of the test"] },
  features: { devInteractions: { enabled: true } },
  conformIdTokenClaims: process.env.USERINFO === "yes",
  async findAccount(_, id) {
    return people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) };
  },
});
provider.listen(new URL(process.env.ISSUER).port, "127.0.0.1", () => console.log("ready"));
