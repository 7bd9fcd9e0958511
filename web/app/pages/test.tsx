import "../styles/page";
import { createRoot } from "react-dom/client";
import { ConnectionTest } from "../connectiontest/connectionTest";
import { ConnectionTestScreen } from "../connectiontest/ConnectionTestScreen";

const main = document.getElementById("test");
if (main) {
  const test = new ConnectionTest();
  // The browser may keep the page, with open connections and devices, for the Back button.
  addEventListener("pagehide", () => test.cancel());
  createRoot(main).render(<ConnectionTestScreen test={test} />);
}
