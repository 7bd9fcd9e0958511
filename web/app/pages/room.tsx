import "../styles/page";
