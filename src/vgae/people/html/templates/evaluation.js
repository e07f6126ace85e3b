startTheme();
startCopy();
document.documentElement.dataset.ready = "true";
