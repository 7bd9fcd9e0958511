// The styles of every page. The icon is imported so that the build hashes it and lists it in its manifest.
import "./base.css";
import "./problem.css";
import "./custom.css";
import "./favicon.svg?url";
