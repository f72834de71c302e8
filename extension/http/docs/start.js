// The document depends on the caller's rights, so it is fetched again with the key or token typed into "Authorize".
const viewer = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#viewer',
  deepLinking: true,
  docExpansion: 'list',
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
const authorize = viewer.authActions.authorize;
viewer.authActions.authorize = (credentials) => {
  const result = authorize(credentials);
  const headers = {};
  if (credentials.bearer?.value) headers.authorization = `Bearer ${credentials.bearer.value}`;
  if (credentials.apikey?.value) headers.apikey = credentials.apikey.value;
  fetch('/openapi.json', { headers })
    .then((answer) => (answer.ok ? answer.text() : null))
    .then((text) => text && viewer.specActions.updateSpec(text));
  return result;
};
