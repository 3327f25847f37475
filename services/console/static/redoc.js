// Shows the OpenAPI document as one page to read.
Redoc.init(
  "/openapi.json",
  { hideDownloadButton: true, requiredPropsFirst: true, sortTagsAlphabetically: false, disableSearch: false },
  document.getElementById("redoc"),
);
