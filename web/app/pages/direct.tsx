import "../styles/page";
import "../ui/ui.css";
import "../direct/direct.css";
import { createRoot } from "react-dom/client";
import { DirectScreen } from "../direct/DirectScreen";
import { DirectFlow } from "../direct/directFlow";

const main = document.getElementById("direct");
if (main?.dataset.join !== undefined) createRoot(main).render(<DirectScreen flow={new DirectFlow(main.dataset.join)} />);
