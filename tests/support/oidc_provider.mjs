// A certified OpenID provider with people who are called after their groups: node oidc_provider.mjs FOLDER PORT BACK
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port, back] = process.argv.slice(2);
const found = createRequire(`${folder}/`).resolve("oidc-provider");
const after = back.replace("/oidc/back", "");
const { Provider } = await import(pathToFileURL(found).href);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "page", client_secret: "page-secret", redirect_uris: [back], post_logout_redirect_uris: [after] }],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, groups: [`plant-${id}`] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
